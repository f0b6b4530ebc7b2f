"""Frozen values: jobs, runs, their uploads, artifacts and the objects in S3; no I/O."""
