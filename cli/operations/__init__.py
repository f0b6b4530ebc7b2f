"""Running workers, and looking after database, settings and old keys."""
