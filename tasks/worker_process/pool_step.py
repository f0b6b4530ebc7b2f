"""What a worker's pool needs, and the bootstep that replaces its dead processes at once."""

import os
import signal
from functools import partial
from multiprocessing import get_context
from typing import Any

from celery import bootsteps
from celery.signals import worker_process_init

from worker.errors import InvalidSettings

#: Seconds between two looks at the pool.
LOOK_EVERY = 0.25
#: Semaphores that a pool has beside those of its processes.
SHARED = 4


def require_semaphores(processes: int) -> None:
    """Raise InvalidSettings if a pool of so many processes can't have its semaphores."""
    try:
        fork = get_context("fork")
        _ = [fork.RLock() for _ in range(processes + SHARED)]
    except OSError as error:
        raise InvalidSettings(
            f"/dev/shm can't be used ({error.strerror}): the worker's processes"  # noqa: S108
            " keep their semaphores there; make it writable, or larger (docker run --shm-size)"
        ) from error


class PoolStep(bootsteps.StartStopStep):
    """Have Celery look for dead pool processes several times a second.

    Celery itself looks when a process's end of a pipe closes. The process often can't be waited
    for yet at that moment, and is replaced some 5 seconds later only.
    https://github.com/celery/celery/issues/9588
    """

    requires = ("celery.worker.components:Pool", "celery.worker.components:Timer")

    _watch: Any = None

    def create(self, parent: Any) -> "PoolStep":  # type: ignore[override]  # noqa: ARG002
        """Celery calls this for every step before it starts any."""
        worker_process_init.connect(partial(_end_without, os.getpid()), weak=False)
        return self

    def start(self, parent: Any) -> None:
        self._watch = parent.timer.call_repeatedly(LOOK_EVERY, parent.pool.maintain_pool)

    def stop(self, parent: Any) -> None:  # noqa: ARG002  Celery passes it
        if self._watch:
            self._watch.cancel()

    terminate = stop


def _end_without(main: int, **_: Any) -> None:
    """Kill this pool process if the worker's main process has died.

    Celery has the kernel do so, but asks it once the process runs: main may be dead by then.
    """
    if os.getpid() != main != os.getppid():
        os.kill(os.getpid(), signal.SIGKILL)
