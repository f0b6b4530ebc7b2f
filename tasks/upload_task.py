"""The task that lands one run's results."""

import logging
from random import SystemRandom
from typing import Any

from celery import Task
from celery.exceptions import Reject, Retry

from tasks.app import app
from tasks.messaging.upload_message import TASK
from tasks.services import services
from worker.errors import (
    LeaseLost,
    OneprefixError,
    PermanentError,
    TransientError,
)
from worker.models.upload_request import UploadMessage

log = logging.getLogger(__name__)

#: Seconds, at most, until a message comes back whose upload could not be written to SQL.
UNRECORDED_RETRY = 10.0


@app.task(name=TASK, bind=True, max_retries=None, throws=(PermanentError,))
def package_and_upload(
    self: "Task[Any, Any]", job_id: int, run_id: int, path: str, replace: bool = False
) -> str | None:
    """Land the run's results under its job's prefix, and return their location.

    Returns None if another worker has the upload, or if its results were deleted. RETRY: the row
    tells when the upload is due, and recovery publishes the message again then. FAILURE: the row
    tells why.
    """
    message = UploadMessage(self.request.id, job_id, run_id, path, replace)
    try:
        using = services()
        return using.upload_results(using.read_message(message))
    except LeaseLost as error:
        log.warning("%s", error)
        return None
    except OneprefixError as error:
        if not error.recorded:
            raise _come_back(self, error) from error
        if isinstance(error, TransientError):
            raise Retry(exc=error, when=error.retry_in) from error  # type: ignore[arg-type]  # Real
        raise


def _come_back(task: "Task[Any, Any]", error: OneprefixError) -> Retry | Reject:
    """Send the message again, since no row tells of the error and the message is all there is."""
    countdown = SystemRandom().uniform(1, UNRECORDED_RETRY)
    try:
        return task.retry(exc=error, countdown=countdown, throw=False)
    except Reject:  # no new message could be published: the old one returns to the queue
        return Reject(error, requeue=True)
