"""The deadline that a stopping worker sets its processes."""

from mmap import mmap
from struct import Struct
from time import monotonic

_TIME = Struct("d")


class ShutdownDeadline:
    """A time on the monotonic clock, in memory shared by processes that are forked later."""

    def __init__(self) -> None:
        self._memory = mmap(-1, _TIME.size)

    def set(self, seconds: float) -> None:
        """Stop in `seconds` from now, or earlier if an earlier deadline is set already."""
        deadline = monotonic() + seconds
        if not self.is_set() or deadline < self._deadline:
            self._memory[:] = _TIME.pack(deadline)

    def is_set(self) -> bool:
        return bool(self._deadline)

    def has_passed(self) -> bool:
        """Return whether work that is not done must stop now; False while none is set."""
        return self.is_set() and monotonic() >= self._deadline

    @property
    def _deadline(self) -> float:
        deadline: float = _TIME.unpack(self._memory[:])[0]
        return deadline
