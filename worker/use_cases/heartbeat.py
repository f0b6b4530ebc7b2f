"""Keeps an upload's lease alive from a thread, and tells the work when it is lost."""

from collections.abc import Callable
from threading import Event, Thread
from time import monotonic
from types import TracebackType
from typing import Self

from worker.errors import LeaseLost, TransientError


class Heartbeat:
    """Calls `renew` every quarter of `lease` seconds while its block runs, with the progress.

    `check` raises LeaseLost once the lease was refused, or has not been renewed for its whole
    length: a worker cut off from SQL must stop before another may start.
    """

    def __init__(self, renew: Callable[[int], None], *, lease: float) -> None:
        self._renew = renew
        self._lease = lease
        self.progress: Callable[[], int] = lambda: 0
        """Bytes of the tree that are packed."""
        self._held_until = monotonic() + lease
        self._refused: LeaseLost | None = None
        self._stop = Event()
        self._thread = Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        # A renewal that hangs must not hold up the attempt; the thread is a daemon
        self._thread.join(timeout=self._lease)

    def check(self) -> None:
        if self._refused:
            raise self._refused
        if monotonic() > self._held_until:
            raise LeaseLost(f"the lease could not be renewed for {self._lease:g} s")

    def _beat(self) -> None:
        while not self._stop.wait(self._lease / 4):
            asked = monotonic()
            try:
                self._renew(self.progress())
            except LeaseLost as lost:
                self._refused = lost
                return
            except TransientError:
                continue
            self._held_until = asked + self._lease
