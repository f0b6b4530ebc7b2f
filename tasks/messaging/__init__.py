"""Speak to the broker: where it is, what is published, what has been taken."""
