"""Commands for old artifacts: storage classes, restore, deletion, lifecycle rules."""
