"""Cancel the uploads and orders whose messages were revoked, in a process of its own."""

import json
import logging
import sys
from contextlib import suppress
from typing import Any

from tasks.messaging.upload_message import TASK
from tasks.services import services
from tasks.worker_process.log import log_as
from worker.errors import DatabaseRefused, InvalidRequest, OneprefixError
from worker.models.upload_request import UploadMessage
from worker.redaction import redacted

log = logging.getLogger(__name__)

WHO = "a revoke through Celery"


def main(revoked: dict[str, dict[str, Any]]) -> None:
    """Cancel by the messages' ids. `revoked` has the content of those that a worker discarded."""
    for task_id, content in revoked.items():
        try:
            _cancel(task_id, content)
        except DatabaseRefused as error:
            log.warning("message %r is nobody's: %s", task_id, redacted(error))


def _cancel(task_id: str, content: dict[str, Any]) -> None:
    cancel, orders = services().cancel_uploads, services().orders
    expired, task = content.pop("expired", False), content.pop("task", None)
    if task == TASK:
        _record(UploadMessage.of(task_id, **content))
    cancel.of_expired()
    if expired:
        # delivered once more, maybe: what an earlier delivery has begun goes on, and is answered
        if services().upload_list.has_cancelled(task_id):
            services().follow_ups.answered(task_id)
        return
    for upload in cancel.of_message(task_id, who=WHO):
        log.info("%s: %s", upload.title, upload.error)
    if order := orders.cancel(task_id, reason=f"cancelled by {WHO}"):
        log.info("%s: %s", order.title, order.error)
    if task:  # the worker has thrown the message away: nothing is to follow
        services().follow_ups.answered(task_id)
        orders.answered(task_id)


def _record(message: UploadMessage) -> None:
    """Write the row that a worker would have written, if the run has none; or the refusal."""
    with suppress(InvalidRequest):
        request = services().read_message(message)
        if services().upload_list.find(request.job_id, request.run_id) is None:
            services().message_requests.request(request, published=True)


if __name__ == "__main__":
    log_as("revoked")
    try:
        main(json.load(sys.stdin))
    except OneprefixError as error:
        log.warning("what was revoked is not cancelled yet: %s", redacted(error))
        sys.exit(1)
