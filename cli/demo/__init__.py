"""`oneprefix demo`: the main job on one machine, with servers of its own."""
