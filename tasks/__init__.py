"""The door for messages: the Celery app, its tasks, `enqueue` and `give_order` for producers."""

from tasks.app import app
from tasks.producer import enqueue, give_order
from tasks.upload_task import package_and_upload

__all__ = ["app", "enqueue", "give_order", "package_and_upload"]
