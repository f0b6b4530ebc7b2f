"""Keeps small records in memory until they are wanted, compressed while they wait."""

from collections import deque
from collections.abc import Iterator

from isal import isal_zlib

#: Bytes of records that are compressed together.
BLOCK = 256 * 1024


class Spool:
    """A queue of bytes: appended record by record, taken in order in blocks of whole records.

    One that `keeps` its blocks can be rewound.
    """

    def __init__(self, *, keeps: bool = False) -> None:
        self._blocks: deque[bytes] = deque()
        self._taken: list[bytes] | None = [] if keeps else None
        self._open = bytearray()
        self.size = 0
        """Bytes that were appended since the beginning."""

    def append(self, records: bytes) -> None:
        self._open += records
        self.size += len(records)
        if len(self._open) >= BLOCK:
            self._blocks.append(isal_zlib.compress(bytes(self._open), 1))
            self._open.clear()

    def take(self) -> bytes:
        """The next block; empty if there is none (yet)."""
        if not self._blocks and self._open:
            self._blocks.append(isal_zlib.compress(bytes(self._open), 1))
            self._open.clear()
        if not self._blocks:
            return b""
        block = self._blocks.popleft()
        if self._taken is not None:
            self._taken.append(block)
        return isal_zlib.decompress(block)

    def rewind(self) -> None:
        """Put what was taken back to the beginning of the queue."""
        self._blocks.extendleft(reversed(self._taken or []))
        self._taken = None

    def __iter__(self) -> Iterator[bytes]:
        while block := self.take():
            yield block
