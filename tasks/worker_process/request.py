"""Celery's request for one task, whose message does not kill worker after worker."""

import logging
from typing import Any

from celery.exceptions import WorkerLostError
from celery.worker.request import Request as CeleryRequest
from kombu.asynchronous import get_event_loop

from tasks.messaging.upload_message import delivery_of
from worker.process.child_process import start_with

log = logging.getLogger(__name__)

#: Seconds between two looks at whether the message's row is written.
LOOK_EVERY = 0.2


class Request(CeleryRequest):
    """Has the message of an upload that killed two pool processes replaced by its row.

    Celery gives the message of a killed process back to its queue, at once and without counting.
    So it does here the first time, since any process may be killed.
    """

    _is_lost = False

    def on_failure(self, exc_info: Any, *arguments: Any, **options: Any) -> Any:
        error = getattr(exc_info.exception, "exc", exc_info.exception)  # with its traceback, or not
        # billiard reports a process that ends by itself as SystemExit
        self._is_lost = isinstance(error, WorkerLostError | SystemExit)
        return super().on_failure(exc_info, *arguments, **options)

    def reject(self, requeue: bool = False) -> None:
        hub = get_event_loop()
        if not (requeue and self._is_lost and self.delivery_info["redelivered"] and hub):
            super().reject(requeue=requeue)
            return
        log.warning("message %s killed a process again; its row takes its place", self.id)
        process = start_with(delivery_of(self.message), "tasks.keep", str(self.worker_pid))

        def look() -> None:
            if process.poll() is None:
                return
            watch.cancel()
            if process.returncode:
                super(Request, self).reject(requeue=True)
            else:
                self.acknowledge()

        watch: Any = hub.timer.call_repeatedly(LOOK_EVERY, look)
