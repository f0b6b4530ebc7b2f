"""Pack units of work in threads and helper processes."""
