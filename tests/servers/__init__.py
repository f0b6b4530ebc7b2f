"""Real servers for the tests: S3 in two makes, S3's strictness in front of them, PostgreSQL."""
