"""Tells the processes of one worker until when they may go on."""

from mmap import mmap
from struct import Struct
from time import monotonic

_TIME = Struct("d")


class StopSign:
    """Made before the processes are forked, which share its memory, and the clock with it."""

    def __init__(self) -> None:
        self._memory = mmap(-1, _TIME.size)

    def put_up(self, seconds: float) -> None:
        """What has not ended in so many seconds shall stop; never later than was said before."""
        until = monotonic() + seconds
        if not self.is_up or until < self._until:
            self._memory[:] = _TIME.pack(until)

    @property
    def is_up(self) -> bool:
        return bool(self._until)

    def says_stop(self) -> bool:
        return self.is_up and monotonic() >= self._until

    @property
    def _until(self) -> float:
        until: float = _TIME.unpack(self._memory[:])[0]
        return until
