"""Commands that list, add, download, read and verify a job's artifacts."""
