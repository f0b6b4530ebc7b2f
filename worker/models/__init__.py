"""Frozen values: what a job, a run, its upload and its artifacts are."""
