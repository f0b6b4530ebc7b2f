"""Parts of an archive's members, made harmless to look at."""
