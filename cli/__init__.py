"""The door for people: the `oneprefix` command."""
