"""Extend Celery's worker: its pool is looked after, and recovery runs beside it."""
