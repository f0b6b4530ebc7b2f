"""Finding, reading, adding and verifying artifacts."""
