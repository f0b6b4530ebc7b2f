"""Locks that the processes of one worker share; the kernel releases those of the dead."""

import fcntl
import os
import weakref


class ByteLocks:
    """Locks on single bytes of one anonymous file. Linux only.

    Create it before forking. The kernel releases a process's locks when it ends, however it ends.
    https://man7.org/linux/man-pages/man2/fcntl_locking.2.html
    """

    def __init__(self, name: str) -> None:
        self._file = os.memfd_create(name)  # in memory, so that a full disk can't matter
        weakref.finalize(self, os.close, self._file)

    def lock(self, place: int, kind: int = fcntl.LOCK_EX) -> bool:
        """Return whether this process holds the lock now; never waits."""
        try:
            fcntl.lockf(self._file, kind | fcntl.LOCK_NB, 1, place)
        except OSError:
            return False
        return True

    def unlock(self, place: int) -> None:
        """Let other processes lock it; does nothing if this one holds nothing."""
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)


class ProcessSemaphore:
    """At most `count` processes hold it at a time, each of them once.

    Create it before forking.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._locks = ByteLocks("semaphore")
        self._held: int | None = None

    def acquire(self) -> bool:
        """Return whether this process holds the semaphore now; never waits."""
        if self._held is None:
            self._held = next(filter(self._locks.lock, range(self.count)), None)
        return self._held is not None

    def release(self) -> None:
        """Let another process acquire; does nothing if this process holds nothing."""
        if self._held is not None:
            self._locks.unlock(self._held)
            self._held = None
