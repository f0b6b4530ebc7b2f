"""Asking for uploads, and how far they are."""
