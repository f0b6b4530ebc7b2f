"""Send a message again whose row could not be written, since the message is all there is then."""

from random import SystemRandom
from typing import Any

from celery import Task
from celery.exceptions import Reject, Retry

from worker.errors import OneprefixError

#: Seconds, at most, until the message comes back.
UNRECORDED_RETRY = 10.0


def come_back(task: "Task[Any, Any]", error: OneprefixError, **options: Any) -> Retry | Reject:
    """Publish the message once more, and return what the task is to raise."""
    countdown = SystemRandom().uniform(1, UNRECORDED_RETRY)
    try:
        return task.retry(exc=error, countdown=countdown, throw=False, **options)
    except Reject:  # no new message could be published: the old one returns to the queue
        return Reject(error, requeue=True)
