"""Lets one of a worker's processes work while the others do not; the kernel releases the dead."""

import fcntl
import os
import weakref

#: Bytes of the file: whoever locks the first keeps others from entering; all inside lock the other.
_DOOR, _INSIDE = 0, 1


class Company:
    """Create it before forking: the processes share locks on one anonymous file. Linux only."""

    def __init__(self) -> None:
        self._file = os.memfd_create("company")  # in memory, so that a full disk can't matter
        weakref.finalize(self, os.close, self._file)

    def enter(self) -> bool:
        """Return whether this process works now, beside others; never waits."""
        if not self._lock(fcntl.LOCK_SH, _DOOR):
            return False
        entered = self._lock(fcntl.LOCK_SH, _INSIDE)
        self._unlock(_DOOR)
        return entered

    def enter_alone(self) -> bool:
        """Return whether this process works now, and no other; never waits.

        From the first call on until `leave`, no other enters.
        """
        return self._lock(fcntl.LOCK_EX, _DOOR) and self._lock(fcntl.LOCK_EX, _INSIDE)

    def leave(self) -> None:
        """Let others enter; does nothing if this process has not entered."""
        self._unlock(_DOOR)
        self._unlock(_INSIDE)

    def _lock(self, kind: int, place: int) -> bool:
        try:
            fcntl.lockf(self._file, kind | fcntl.LOCK_NB, 1, place)
        except OSError:
            return False
        return True

    def _unlock(self, place: int) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)
