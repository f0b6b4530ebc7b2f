"""Servers that come with the install, for where none is configured."""
