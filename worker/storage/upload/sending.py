"""How much is sent at once, and how fast."""

from dataclasses import dataclass, replace
from typing import Final, Self

from worker.storage.upload.bandwidth import BandwidthLimit
from worker.storage.upload.parts import MIB, part_size

#: Bytes that packing takes beside the parts: what is read, deflated and waiting for its turn.
PACKING_MEMORY: Final = 16 * MIB


@dataclass(frozen=True, slots=True)
class Sending:
    connections: int = 8
    """One does 50 to 100 MB/s with S3; several add up."""
    part_size: int = 8 * MIB
    """Bytes of a part."""
    memory: int = 96 * MIB
    """Bytes that one upload may take."""
    bandwidth: BandwidthLimit | None = None

    def planned(self, size_bound: int) -> Self:
        """For an archive of at most so many bytes, which 10,000 parts have to hold.

        The larger they are, the fewer are on their way beside the one that is being filled, so
        that all fit into memory; but one always is. ValueError beyond what S3 takes.
        """
        size = part_size(size_bound, self.part_size)
        held = (self.memory - PACKING_MEMORY) // size
        connections = max(1, min(self.connections, held - 1))
        return replace(self, part_size=size, connections=connections)

    def before_piece(self, size: int) -> None:
        if self.bandwidth:
            self.bandwidth.take(size)
