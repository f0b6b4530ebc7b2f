"""What the pool processes of one worker share with each other."""

from dataclasses import dataclass, field
from typing import Self

from worker.process.company import Company
from worker.process.semaphore import ProcessSemaphore
from worker.process.shared_counts import SharedCounts
from worker.process.shutdown import ShutdownDeadline


@dataclass(frozen=True, slots=True)
class WorkerPool:
    """Create it before forking: the processes inherit the memory and the file behind it."""

    processes: int = 1
    """How many share the machine's processors and the worker's bandwidth."""
    large_runs: ProcessSemaphore = field(default_factory=lambda: ProcessSemaphore(1))
    """Held by a process while it uploads a large run."""
    company: Company = field(default_factory=Company)
    """Left by all others while a process uploads what killed its workers."""
    shutdown: ShutdownDeadline = field(default_factory=ShutdownDeadline)
    """By when a stopping worker's processes hand back unfinished uploads."""
    counts: SharedCounts | None = None
    """What the processes count; None if nobody asks."""

    @classmethod
    def of(cls, processes: int, counts: SharedCounts | None = None) -> Self:
        """All processes but one may upload large runs, so that a small run never waits long."""
        return cls(processes, ProcessSemaphore(max(1, processes - 1)), counts=counts)
