"""Processes and threads themselves: helper processes, identity, limits, shutdown."""
