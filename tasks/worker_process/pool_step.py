"""The bootstep by which a worker replaces a dead pool process at once."""

from typing import Any

from celery import bootsteps

#: Seconds between two looks at the pool.
LOOK_EVERY = 0.25


class PoolStep(bootsteps.StartStopStep):
    """Have Celery look for dead pool processes several times a second.

    Celery itself looks when a process's end of a pipe closes. The process often can't be waited
    for yet at that moment, and is replaced some 5 seconds later only.
    https://github.com/celery/celery/issues/9588
    """

    requires = ("celery.worker.components:Pool", "celery.worker.components:Timer")

    _watch: Any = None

    def start(self, parent: Any) -> None:
        self._watch = parent.timer.call_repeatedly(LOOK_EVERY, parent.pool.maintain_pool)

    def stop(self, parent: Any) -> None:  # noqa: ARG002  Celery passes it
        if self._watch:
            self._watch.cancel()

    terminate = stop
