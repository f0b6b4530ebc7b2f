"""Carry out orders about whole jobs."""
