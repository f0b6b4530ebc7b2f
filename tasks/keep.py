"""Give rows to messages that a worker took and its broker could not note, in a process of its own.

Were that worker to die, nobody else would know of them.
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
from worker.redaction import redacted

log = logging.getLogger(__name__)

#: Seconds between two tries while the database does not answer, and until the last one.
PAUSE, PATIENCE = 2.0, 600.0


def keep(delivery: bytes) -> None:
    """Write the row that the message's worker will look for; `delivery` as kombu keeps it."""
    message = decoded(delivery, results=stores_results(app))
    if isinstance(message, OrderMessage):
        services().give_order(message)
    elif message:
        request = services().read_message(message)
        services().requests.request(request, published=False)


def main(delivery: bytes) -> None:
    """Keep the message, however long the database is away."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return keep(delivery)
        except DatabaseUnavailable as error:
            if time.monotonic() > deadline:
                log.critical("this message has no row, %s: %s", error, delivery.decode())
                raise
        time.sleep(PAUSE)


if __name__ == "__main__":
    log_as("keep")
    try:
        main(sys.stdin.buffer.read())
    except OneprefixError as error:
        log.warning("the message asks for nothing: %s", redacted(error))
