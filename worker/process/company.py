"""Lets one of a worker's processes work while the others do not; the kernel releases the dead."""

import fcntl

from worker.process.semaphore import ByteLocks

#: Whoever locks the first keeps others from entering; all inside lock the other.
_DOOR, _INSIDE = 0, 1


class Company:
    """Create it before forking."""

    def __init__(self) -> None:
        self._locks = ByteLocks("company")

    def enter(self) -> bool:
        """Return whether this process works now, beside others; never waits."""
        if not self._locks.lock(_DOOR, fcntl.LOCK_SH):
            return False
        entered = self._locks.lock(_INSIDE, fcntl.LOCK_SH)
        self._locks.unlock(_DOOR)
        return entered

    def enter_alone(self) -> bool:
        """Return whether this process works now, and no other; never waits.

        From the first call on until `leave`, no other enters.
        """
        return self._locks.lock(_DOOR) and self._locks.lock(_INSIDE)

    def leave(self) -> None:
        """Let others enter; does nothing if this process has not entered."""
        self._locks.unlock(_DOOR)
        self._locks.unlock(_INSIDE)
