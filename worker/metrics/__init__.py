"""Metrics for Prometheus: the installation's from SQL, and what a worker's processes count."""
