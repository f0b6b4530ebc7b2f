"""Keeps an upload's lease alive from a thread, and tells the work when it is lost."""

from collections.abc import Callable
from math import inf
from threading import Event, Thread
from time import monotonic
from types import TracebackType
from typing import Self

from worker.errors import LeaseLost, Stalled, TransientError


class Heartbeat:
    """Calls `renew` every quarter of `lease` seconds while its block runs, with the progress.

    It stops once nothing has `moved` for `stall` seconds, so that another worker may try. If the
    block has not ended another lease later, it hangs, and `abandon` is called.
    """

    def __init__(
        self,
        renew: Callable[[int], None],
        *,
        lease: float,
        since: float | None = None,
        stall: float = inf,
        abandon: Callable[[], None] = lambda: None,
    ) -> None:
        """`since`: when the lease was asked for, on the monotonic clock; now if it is None."""
        self._renew = renew
        self._lease = lease
        self._stall = stall
        self._abandon = abandon
        self.progress: Callable[[], int] = lambda: 0
        """Bytes of the tree that are packed."""
        self._held_until = (monotonic() if since is None else since) + lease
        self._moved_at = monotonic()
        self._refused: LeaseLost | None = None
        self._stop = Event()
        self._thread = Thread(target=self._run, name="heartbeat", daemon=True)

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

    def moved(self) -> None:
        """The work goes on."""
        self._moved_at = monotonic()

    def check(self) -> None:
        """LeaseLost once the lease was refused or could not be renewed for its whole length.

        A worker cut off from SQL must stop before another may start. Stalled if nothing moves.
        """
        if self._refused:
            raise self._refused
        if self._has_stalled():
            raise Stalled(f"nothing moved for {self._stall:g} s")
        if monotonic() > self._held_until:
            raise LeaseLost(f"the lease could not be renewed for {self._lease:g} s")

    def _has_stalled(self) -> bool:
        return monotonic() - self._moved_at > self._stall

    def _run(self) -> None:
        while not self._stop.wait(self._lease / 4):
            if self._has_stalled():
                if not self._stop.wait(self._lease):
                    self._abandon()
                return
            if not self._beat():
                return

    def _beat(self) -> bool:
        asked = monotonic()
        try:
            self._renew(self.progress())
        except LeaseLost as lost:
            self._refused = lost
            return False
        except TransientError:
            return True
        self._held_until = asked + self._lease
        return True
