"""Give rows to messages that may be lost, or whose worker was killed, in a process of its own.

A message that a worker took and its broker could not note is lost with that worker. One whose
worker was killed twice may kill each worker before its row is written: its row, which counts
deaths, takes its place.
"""

import logging
import sys
import time

from tasks.app import app
from tasks.messaging.results import stores_results
from tasks.messaging.upload_message import decoded
from tasks.services import services
from tasks.worker_process.log import log_as
from worker.errors import DatabaseUnavailable, OneprefixError
from worker.models.order import OrderMessage
from worker.models.upload import Upload, UploadState
from worker.process.identity import has_ended
from worker.redaction import redacted

log = logging.getLogger(__name__)

#: Seconds between two tries while the database does not answer, and until the last one.
PAUSE, PATIENCE = 2.0, 600.0


def keep(delivery: bytes, killed: int | None = None) -> None:
    """Write the row that the message's worker will look for; `delivery` as kombu keeps it.

    `killed`: the id of the process that was killed while it did the message's task.
    """
    message = decoded(delivery, results=stores_results(app))
    if isinstance(message, OrderMessage):
        services().give_order(message)
    elif message:
        request = services().read_message(message)
        upload = services().message_requests.request(request, published=False)
        if killed is not None:
            count_death(upload, killed)


def count_death(upload: Upload, pid: int) -> None:
    """Count the death of that process, unless it is counted already or another has the upload."""
    owner = upload.owner or ""
    is_owner = owner.partition("@")[0].endswith(f":{pid}") and has_ended(owner)
    begun = upload.state is UploadState.UPLOADING
    if not upload.state.is_over and begun == is_owner:
        services().deaths.note(upload)


def main(delivery: bytes, killed: int | None = None) -> None:
    """Keep the message, however long the database is away."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return keep(delivery, killed)
        except DatabaseUnavailable as error:
            if time.monotonic() > deadline:
                log.critical("this message has no row, %s: %s", error, delivery.decode())
                raise
        time.sleep(PAUSE)


if __name__ == "__main__":
    log_as("keep")
    try:
        main(sys.stdin.buffer.read(), int(sys.argv[1]) if sys.argv[1:] else None)
    except DatabaseUnavailable:
        raise SystemExit(1) from None
    except OneprefixError as error:
        log.warning("the message asks for nothing: %s", redacted(error))
