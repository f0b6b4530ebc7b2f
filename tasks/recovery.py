"""Takes up what others have left: leases and messages of the dead, uploads that nobody works on,
parts in S3.

Runs beside a worker, as a process.
"""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from random import SystemRandom
from time import monotonic
from types import FrameType

from celery.utils import uuid

from tasks.adoption import Adoption
from tasks.broker import use_own_transport
from tasks.outbox import UNREACHABLE, publish
from tasks.services import services
from worker.bootstrap.services import Services
from worker.errors import DatabaseRefused, OneprefixError
from worker.process.child_process import die_with
from worker.redaction import redacted

log = logging.getLogger("oneprefix.recovery")


def recover(using: Services) -> int:
    """One look: the number of messages published."""
    outbox = using.outbox
    published = 0
    for row in outbox.due():
        try:
            due = outbox.take(row, task_id=uuid())
        except DatabaseRefused as error:
            log.warning("row %d of uploads can't be published: %s", row, error)
            continue
        if due is None:
            continue  # another worker's recovery was first
        request = due.request
        if not publish(request, urgent=due.is_begun):
            outbox.give_back(row)
            break  # the broker is away; the next look tries again
        log.info("job %s, run %s: published again", request.job_id, request.run_id)
        published += 1
    return published


def main(parent: int) -> None:
    """Look every few seconds until told to stop, or until the worker is gone."""
    die_with(parent)
    logging.basicConfig(
        level=logging.INFO, format="[%(asctime)s: %(levelname)s/recovery] %(message)s"
    )
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    use_own_transport()
    using = services()
    adopt = Adoption(using.requests, using.outbox, using.settings.publish_grace_seconds)
    # not all workers at once
    sweep_at = monotonic() + SystemRandom().uniform(0, using.settings.sweep_seconds)
    while os.getppid() == parent:
        _tried(using.release_leases)
        _tried(adopt)
        _tried(lambda: recover(using))
        if monotonic() >= sweep_at:
            _tried(using.abort_orphans)
            sweep_at = monotonic() + using.settings.sweep_seconds
        if stop.wait(using.settings.recovery_seconds):
            return


def _tried(step: Callable[[], int]) -> None:
    try:
        step()
    except (OneprefixError, *UNREACHABLE) as error:
        log.warning("%s", redacted(error))


if __name__ == "__main__":
    main(int(sys.argv[1]))
