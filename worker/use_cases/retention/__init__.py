"""Move a job's artifacts between storage classes, restore them, delete them."""
