"""The right to work on one upload or order: taken in SQL, renewed by a thread, lost in time.

A process that is cut off from SQL must stop before another one may start, so the holder counts its
own deadline from before the claim was sent.
"""

import logging
from collections.abc import Callable
from math import inf
from threading import Event, Thread
from time import monotonic
from types import TracebackType
from typing import Generic, Self, TypeVar

from worker.errors import LeaseLost, OneprefixError, Stalled
from worker.redaction import redacted

log = logging.getLogger(__name__)

Held = TypeVar("Held")

#: Seconds that the end of an attempt waits for a renewal under way.
JOIN_TIMEOUT = 1.0


class Lease(Generic[Held]):
    """A lease on `held`, renewed every quarter of `seconds` while its block runs.

    Renewal stops once nothing has `moved` for `stall_seconds`, so that another worker may try. If
    the block has not ended another `seconds` later, it hangs: the watchdog calls `abandon`.
    """

    def __init__(
        self,
        held: Held,
        renew: Callable[[int], None],
        *,
        seconds: float,
        asked_at: float | None = None,
        stall_seconds: float = inf,
        abandon: Callable[[], None] = lambda: None,
    ) -> None:
        """`renew` extends the lease in SQL and records the progress.

        `asked_at`: when the claim was sent, on the monotonic clock; now if None.
        """
        self.held = held
        self.progress: Callable[[], int] = lambda: 0
        """What has been done so far, recorded with each renewal: an upload's bytes sent."""
        self._renew = renew
        self._seconds = seconds
        self._stall_seconds = stall_seconds
        self._abandon = abandon
        self._deadline = (monotonic() if asked_at is None else asked_at) + seconds
        self._moved_at = monotonic()
        self._lost: LeaseLost | None = None
        self._stop = Event()
        self._threads = [
            Thread(target=self._keep, name="lease", daemon=True),
            # apart, since it must fire even if a renewal hangs or the lease is lost
            Thread(target=self._watch, name="watchdog", daemon=True),
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        # a renewal that hangs must not hold up the attempt; the threads are daemons
        for thread in self._threads:
            thread.join(timeout=JOIN_TIMEOUT)

    def moved(self) -> None:
        """Tell the watchdog that the work goes on. From any thread."""
        self._moved_at = monotonic()

    def check(self) -> None:
        """Raise LeaseLost once a renewal was refused or the deadline has passed.

        Raises Stalled if nothing has moved for `stall_seconds`.
        """
        if not self._lost and self._has_stalled():
            raise Stalled(f"nothing moved for {self._stall_seconds:g} s")
        self._lose_in_time()
        if self._lost:
            raise self._lost

    def renew(self) -> None:
        """Extend the lease, unless it is lost: one that ran out may be another worker's by now."""
        self._lose_in_time()
        if self._lost:
            return
        asked_at = monotonic()
        try:
            self._renew(self.progress())
        except LeaseLost as lost:
            self._lost = lost
        except OneprefixError as error:
            log.warning("a lease is not renewed: %s", redacted(error))  # it is lost in time
        else:
            self._deadline = asked_at + self._seconds

    def _lose_in_time(self) -> None:
        if not self._lost and monotonic() > self._deadline:
            self._lost = LeaseLost(f"the lease could not be renewed for {self._seconds:g} s")

    def _has_stalled(self) -> bool:
        return monotonic() - self._moved_at > self._stall_seconds

    def _watch(self) -> None:
        while not self._stop.wait(self._seconds / 4):
            if self._has_stalled() and not self._stop.wait(self._seconds):
                self._abandon()
                return

    def _keep(self) -> None:
        while not self._stop.wait(self._seconds / 4):
            if self._has_stalled() or self._lost:
                return
            self.renew()
