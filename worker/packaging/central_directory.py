"""Collects the archive's closing index, compressed while it waits: names repeat, so it shrinks."""

from collections.abc import Iterator

from worker.packaging.deflate import deflated, inflated
from worker.packaging.zip_format import Member, central_header, end_records

#: Bytes of headers that are compressed together.
BLOCK = 256 * 1024


class CentralDirectory:
    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._open = bytearray()
        self._count = 0
        self._size = 0
        self._tail = b""

    def add(self, member: Member, offset: int) -> None:
        header = central_header(member, offset)
        self._open += header
        self._count += 1
        self._size += len(header)
        self._tail = header
        if len(self._open) >= BLOCK:
            self._blocks.append(deflated(bytes(self._open)))
            self._open.clear()

    def closing(self, offset: int) -> Iterator[bytes]:
        """The index and the end records, for an archive whose members end at `offset`."""
        yield from map(inflated, self._blocks)
        yield bytes(self._open) + end_records(
            count=self._count, size=self._size, offset=offset, tail=self._tail
        )
