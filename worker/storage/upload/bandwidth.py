"""Holds the bytes that leave a process to so many a second."""

import time
from threading import Lock


class BandwidthLimit:
    """Shared by all connections. `rate` is in bytes a second."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._lock = Lock()
        self._free_at = 0.0

    def take(self, size: int) -> None:
        """Return once these bytes may go: when those before them have gone at the rate."""
        with self._lock:
            now = time.monotonic()
            starts = max(self._free_at, now)
            self._free_at = starts + size / self._rate
        time.sleep(starts - now)
