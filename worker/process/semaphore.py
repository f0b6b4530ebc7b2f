"""A counting semaphore for the processes of one worker; the kernel releases dead holders."""

import fcntl
import os
import weakref


class ProcessSemaphore:
    """At most `count` processes hold it at a time, each of them once. Linux only.

    Create it before forking: the processes share one anonymous file, and holding is a lock on one
    byte of it. The kernel releases the lock when the process ends, however it ends.
    https://man7.org/linux/man-pages/man2/fcntl_locking.2.html
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._file = os.memfd_create("semaphore")  # in memory, so that a full disk can't matter
        weakref.finalize(self, os.close, self._file)
        self._held: int | None = None

    def acquire(self) -> bool:
        """Return whether this process holds the semaphore now; never waits."""
        for place in range(self.count):
            if self._held is not None:
                break
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
            except OSError:
                continue
            self._held = place
        return self._held is not None

    def release(self) -> None:
        """Let another process acquire; does nothing if this process holds nothing."""
        if self._held is not None:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, self._held)
            self._held = None
