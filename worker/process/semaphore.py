"""Places that the processes of one worker share, each held by one of them at a time."""

import fcntl
import os
import weakref


class Slots:
    """`count` of them. Made before the processes are forked, which inherit its open file.

    A place is a byte of that file, locked: the kernel frees it when its process ends, however.
    A process holds one at most. https://man7.org/linux/man-pages/man2/fcntl_locking.2.html
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._file = os.memfd_create("places")  # in memory: no full disk may be in its way
        weakref.finalize(self, os.close, self._file)
        self._held: int | None = None

    def take(self) -> bool:
        """Whether this process holds a place now."""
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
        if self._held is not None:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, self._held)
            self._held = None
