"""Limits how many large runs a worker packs at once, so that small runs always find a process."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.errors import MustWait

if TYPE_CHECKING:
    from worker.process.semaphore import ProcessSemaphore


@dataclass(frozen=True, slots=True)
class LargeRuns:
    slots: "ProcessSemaphore"
    """Shared by all processes of the worker."""
    threshold: int
    """Bytes from which a run is large."""

    def require_slot(self, size: int, remark: str = "") -> None:
        """Take a slot if a run of `size` bytes is large; MustWait if none is free."""
        if size >= self.threshold and not self.slots.acquire():
            reason = f"waits for its turn: all slots for large runs are busy{remark}"
            raise MustWait(reason, size=size)

    def release(self) -> None:
        """Give back the slot, if this process holds one."""
        self.slots.release()
