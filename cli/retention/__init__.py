"""What becomes of artifacts as they grow old: storage classes, restore, deletion, rules."""
