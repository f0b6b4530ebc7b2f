"""Find, fetch, verify, read and add a job's artifacts."""
