"""Keeps small records until they are wanted, compressed while they wait."""

from collections.abc import Iterator

from worker.packaging.deflate import deflated, inflated

#: Bytes of records that are compressed together.
BLOCK = 256 * 1024


class Spool:
    """Bytes appended piece by piece and read back in order; a record is never cut in two."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._open = bytearray()
        self.size = 0

    def append(self, records: bytes) -> None:
        self._open += records
        self.size += len(records)
        if len(self._open) >= BLOCK:
            self._blocks.append(deflated(bytes(self._open)))
            self._open.clear()

    def __iter__(self) -> Iterator[bytes]:
        yield from map(inflated, self._blocks)
        yield bytes(self._open)
