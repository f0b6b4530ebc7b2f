"""Bring scattered artifacts under their jobs' prefixes."""
