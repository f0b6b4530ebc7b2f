"""Asks for an upload: the row first, which is the truth, then the message, its doorbell."""

import logging

from celery.utils import uuid
from kombu.exceptions import OperationalError

from tasks.app import app
from tasks.broker import URGENT
from tasks.services import services
from worker.errors import InvalidSettings, OneprefixError
from worker.models.upload import Upload
from worker.models.upload_request import UploadRequest

log = logging.getLogger(__name__)

#: What is raised where the broker does not answer, or nobody says where it is.
UNREACHABLE = (OperationalError, OSError, InvalidSettings)


def enqueue(job_id: int, run_id: int, path: str, *, replace: bool = False) -> Upload:
    """The upload's row. Once this returns, the upload lands or ends FAILED with its reason.

    Raises InvalidRequest for arguments that make no request, DatabaseUnavailable or
    DatabaseRefused if there is no row. A broker that does not answer, or that nobody has named
    here, is no error: the workers publish the message for the row.
    """
    request = UploadRequest.parse(job_id, run_id, path, replace=replace, task_id=uuid())
    requests = services().requests
    upload = requests.request(request, published=False)
    if upload.task_id == request.task_id and publish(request):
        try:
            requests.published(upload)
        except OneprefixError as error:
            log.warning("%s; the message may be published twice, which is harmless", error)
    return upload


def publish(request: UploadRequest, *, urgent: bool = False) -> bool:
    """Whether the broker took the request's message; after False it may have it all the same.

    An `urgent` one comes before those that wait, where this process uses our own transport, or
    RabbitMQ 4.
    """
    try:
        app.send_task(
            "tasks.package_and_upload",
            args=[request.job_id, request.run_id, request.path],
            task_id=request.task_id,
            priority=URGENT if urgent else None,
        )
    except UNREACHABLE as error:
        log.warning(
            "job %d, run %d: no message published, a worker will do it: %s",
            request.job_id,
            request.run_id,
            error,
        )
        return False
    return True
