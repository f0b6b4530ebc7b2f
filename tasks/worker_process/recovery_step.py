"""The bootstep by which a worker keeps a recovery process running."""

import os
import subprocess
import sys
from typing import Any

from celery import bootsteps

from tasks.messaging.order_message import QUEUE as ORDERS

#: Seconds between two looks at whether the recovery process still runs.
LOOK_EVERY = 2.0


class RecoveryStep(bootsteps.StartStopStep):
    """Start `tasks.recovery` as a process: the worker's own forks, so it may hold no connection."""

    requires = ("celery.worker.components:Timer",)

    _process: subprocess.Popen[bytes] | None = None
    _watch: Any = None

    _orders = "without-orders"

    def start(self, parent: Any) -> None:
        if ORDERS in parent.app.amqp.queues.consume_from:  # not after `-Q uploads`
            self._orders = "with-orders"
        # after the worker's own start, which needs the processors
        parent.timer.call_after(0, self._ensure_running)
        self._watch = parent.timer.call_repeatedly(LOOK_EVERY, self._ensure_running)

    def stop(self, parent: Any) -> None:  # noqa: ARG002  Celery passes it
        if self._watch:
            self._watch.cancel()
        if self._process:
            self._process.terminate()
            self._process.wait(timeout=10)

    terminate = stop

    def _ensure_running(self) -> None:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(  # noqa: S603  the command is ours
                [sys.executable, "-P", "-m", "tasks.recovery", str(os.getpid()), self._orders],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
