"""Notices that this process hangs, from a thread that waits for nothing but the clock."""

from collections.abc import Callable
from threading import Thread
from time import sleep

#: Looks in the time after which a process counts as hanging.
LOOKS = 10


class Watchdog:
    """Calls `abandon` once nothing has `moved` for `seconds` in which this process ran.

    One that stood still altogether, as with its host, is not to blame.
    """

    def __init__(self, seconds: float, abandon: Callable[[], None]) -> None:
        self._seconds = seconds
        self._abandon = abandon
        self._looks = 0
        Thread(target=self._watch, name="watchdog", daemon=True).start()

    def moved(self) -> None:
        """Tell that the work goes on. From any thread."""
        self._looks = 0

    def _watch(self) -> None:
        while self._looks < LOOKS:
            self._looks += 1
            sleep(self._seconds / LOOKS)
        self._abandon()
