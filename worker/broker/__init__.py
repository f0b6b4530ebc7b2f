"""The broker, as far as anybody but Celery looks at it."""
