"""Fetch objects to files, or say where they can be fetched."""
