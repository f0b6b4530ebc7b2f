"""Copy, move between storage classes, delete, and apply lifecycle rules."""
