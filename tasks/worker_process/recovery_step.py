"""The bootstep by which a worker keeps a recovery process running."""

import os
import subprocess
import sys
from typing import Any

from celery import bootsteps
from celery.signals import worker_shutting_down
from celery.worker import state

from tasks.messaging.order_message import QUEUE as ORDERS
from tasks.services import worker_pool
from worker.bootstrap.metrics import handed_on
from worker.process.fork import Fork

#: Seconds between two looks at whether the recovery process still runs.
LOOK_EVERY = 2.0
#: Seconds that it has to stop by itself; it may be killed at any time.
STOP_TIMEOUT = 5.0


class RecoveryStep(bootsteps.StartStopStep):
    """Have `tasks.recovery` run in a process of its own.

    It is forked before the worker opens anything, and takes little memory then. One that has ended
    is replaced by a command, which may hold no connection of the worker's.
    """

    requires = ("celery.worker.components:Timer",)

    _process: Fork | subprocess.Popen[bytes] | None = None
    _watch: Any = None
    _orders = "with-orders"
    _is_stopping = False

    def create(self, parent: Any) -> "RecoveryStep":  # type: ignore[override]  # Celery's own do
        """Celery calls this for every step before it starts any."""
        if ORDERS not in parent.app.amqp.queues.consume_from:  # after `-Q uploads`
            self._orders = "without-orders"
        self._process = Fork("tasks.recovery", str(os.getpid()), self._orders)
        return self

    def start(self, parent: Any) -> None:
        self._watch = parent.timer.call_repeatedly(LOOK_EVERY, self._ensure_running)
        worker_shutting_down.connect(self._terminate)

    def _terminate(self, **_: Any) -> None:
        """Have orders handed back while the worker's uploads are."""
        self._is_stopping = True
        if self._process:
            self._process.terminate()

    def stop(self, parent: Any) -> None:  # noqa: ARG002  Celery passes it
        if self._watch:
            self._watch.cancel()
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(timeout=STOP_TIMEOUT)
            except subprocess.TimeoutExpired:  # it waits for a database or a broker
                self._process.kill()
                self._process.wait(timeout=STOP_TIMEOUT)

    terminate = stop

    def _ensure_running(self) -> None:
        ended = self._process and self._process.poll()
        if self._is_stopping or ended is None:
            return
        if ended == os.EX_CONFIG:
            state.should_stop = os.EX_CONFIG  # type: ignore[assignment]  # its stub has None alone
            return
        counts = handed_on(worker_pool())
        command = [sys.executable, "-P", "-m", "tasks.recovery", str(os.getpid()), self._orders]
        self._process = subprocess.Popen(  # noqa: S603  the command is ours
            [*command, *map(str, counts)],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=counts[1:2],
        )
