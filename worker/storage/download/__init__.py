"""Download objects to files, and resume interrupted downloads."""
