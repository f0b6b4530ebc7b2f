"""How much is sent at once, and how fast."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock
from typing import Final, Self

from worker.storage.upload.parts import MIB, MIN_PART_SIZE, part_size

#: Bytes that packing takes beside the parts: what is read, deflated and waiting for its turn.
PACKING_MEMORY: Final = 16 * MIB


class BandwidthLimit:
    """Limits the bytes that leave a process; shared by all its connections."""

    def __init__(self, rate: float) -> None:
        """`rate`: bytes a second."""
        self._rate = rate
        self._lock = Lock()
        self._free_at = 0.0

    def take(self, size: int) -> None:
        """Wait until `size` bytes may go: when the bytes before them have gone at the rate."""
        with self._lock:
            now = time.monotonic()
            starts = max(self._free_at, now)
            self._free_at = starts + size / self._rate
        time.sleep(starts - now)


@dataclass(frozen=True, slots=True)
class Sending:
    connections: int = 8
    """Parts sent at once. One connection does 50 to 100 MB/s with S3; several add up."""
    part_size: int = 8 * MIB
    """Bytes of a part."""
    memory: int = 96 * MIB
    """Bytes of memory that one upload may take."""
    bandwidth: BandwidthLimit | None = None
    taken: Callable[[int], None] = lambda _size: None
    """Called from any thread with the bytes of each part, or small archive, that S3 has taken."""

    def before_piece(self, sent: Callable[[int], None], size: int) -> None:
        """Wait until a piece of a request may go, and count it; a negative one is taken back."""
        if self.bandwidth and size > 0:
            self.bandwidth.take(size)
        sent(size)

    def cut_back(self, times: int) -> Self:
        """With half the connections as many times, and then with parts as small as S3 allows."""
        if not times:
            return self
        return replace(self, connections=max(1, self.connections >> times), part_size=MIN_PART_SIZE)

    def planned(self, size_bound: int) -> Self:
        """For an archive of at most `size_bound` bytes, which 10,000 parts have to hold.

        The larger the parts, the fewer are sent at once beside the one that is being filled, so
        that all fit into memory; at least one is. StorageRefused for more than S3 takes.
        """
        size = part_size(size_bound, self.part_size)
        held = (self.memory - PACKING_MEMORY) // size
        connections = max(1, min(self.connections, held - 1))
        return replace(self, part_size=size, connections=connections)
