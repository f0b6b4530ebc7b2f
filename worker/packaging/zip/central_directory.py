"""Collects the archive's closing index: names repeat, so it shrinks while it waits."""

from collections.abc import Iterator

from worker.packaging.spool import Spool
from worker.packaging.workers.batch import PackedBatch
from worker.packaging.zip.format import LOCATOR_SIZE, Member, central_header, end_records, relocated


class CentralDirectory:
    def __init__(self) -> None:
        self._headers = Spool()
        self._count = 0
        self._tail = b""

    def add(self, member: Member, offset: int) -> None:
        self._append(central_header(member, offset), 1)

    def extend(self, batch: PackedBatch, offset: int) -> None:
        """The headers of members that begin at `offset`."""
        moved = relocated(batch.headers, batch.offset_marks, offset, len(batch.data))
        self._append(moved, batch.member_count)

    def _append(self, headers: bytes, count: int) -> None:
        self._headers.append(headers)
        self._count += count
        self._tail = headers[-LOCATOR_SIZE:]

    def closing(self, offset: int) -> Iterator[bytes]:
        """The index and the end records, for an archive whose members end at `offset`."""
        yield from self._headers
        yield end_records(
            count=self._count, size=self._headers.size, offset=offset, tail=self._tail
        )
