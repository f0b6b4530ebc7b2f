"""The part of a worker that notices at once when one of its processes has ended."""

from typing import Any

from celery import bootsteps

#: Seconds between two looks.
LOOK_EVERY = 0.25


class PoolStep(bootsteps.StartStopStep):
    """Celery looks when the process's end of a pipe closes. Often it can't be waited for yet then,
    and is found, and replaced, only some 5 seconds later.
    https://github.com/celery/celery/issues/9588
    """

    requires = ("celery.worker.components:Pool", "celery.worker.components:Timer")

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._watch: Any = None

    def start(self, parent: Any) -> None:
        self._watch = parent.timer.call_repeatedly(LOOK_EVERY, parent.pool.maintain_pool)

    def stop(self, parent: Any) -> None:  # noqa: ARG002  Celery passes it
        if self._watch:
            self._watch.cancel()

    terminate = stop
