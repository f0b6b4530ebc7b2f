"""The door for messages: the Celery app, its tasks, and `enqueue` for producers."""

from tasks.app import app
from tasks.producer import enqueue
from tasks.upload_task import package_and_upload

__all__ = ["app", "enqueue", "package_and_upload"]
