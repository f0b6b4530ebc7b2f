"""Keeps what a walk found until it is packed, then tells it again with its directories open."""

import marshal
import os
from collections.abc import Generator, Iterator
from struct import Struct
from typing import Any

from worker.packaging.spool import Spool
from worker.packaging.tree.changes import require_unchanged
from worker.packaging.tree.entries import Directory, Entry, FileGroup, LeaveDirectory, Link
from worker.packaging.tree.walk import open_directory

_LENGTH = Struct("<L")


class _Kind:
    DIRECTORY, LEAVE, FILES, LINK = range(4)


class Survey:
    """The entries of a walk through the open directory `top`, compressed while they wait.

    It may be read while the walk still adds to it.
    """

    def __init__(self, top: int) -> None:
        self._top = top
        self._above: list[tuple[Directory, int]] = []
        """The directories around the entry that was read last, with their descriptors."""
        self._records = Spool(keeps=True)
        self._is_complete = False

    def add(self, entry: Entry) -> None:
        """Keep the entry, unless it is one that the archive omits."""
        match entry:
            case Directory():
                self._record(_Kind.DIRECTORY, entry.name, entry.base, entry.stamp, entry.identity)
            case LeaveDirectory():
                self._record(_Kind.LEAVE)
            case FileGroup():
                self._record(_Kind.FILES, entry.names, entry.sizes, entry.identities)
            case Link():
                self._record(_Kind.LINK, entry.name, entry.stamp, entry.content)

    def complete(self) -> None:
        self._is_complete = True

    def entries(self) -> Generator[Entry | None]:
        """Yield the entries in order, and None while the next one has not been added yet.

        Single use. Opens each directory when it is entered; raises TreeChanged if it is not as the
        walk saw it.
        """
        try:
            while (block := self._records.take()) or not self._is_complete:
                if not block:
                    yield None
                for kind, *values in _unpacked(block):
                    yield self._entry(kind, values)
        finally:
            while self._above:
                os.close(self._above.pop()[1])

    def again(self) -> Generator[Entry | None]:
        """Yield all entries once more; as `entries`, which must be exhausted. Single use."""
        self._records.rewind()
        return self.entries()

    def _entry(self, kind: int, values: list[Any]) -> Entry:
        match kind:
            case _Kind.DIRECTORY:
                return self._entered(Directory(*values))
            case _Kind.LEAVE:
                return self._left()
            case _Kind.FILES:
                directory, descriptor = self._above[-1]
                return FileGroup(directory.name, descriptor, directory.identity, *values)
            case _:
                return Link(*values)

    def _entered(self, directory: Directory) -> Directory:
        parent = self._above[-1][1] if self._above else self._top
        descriptor = open_directory(directory.name, directory.base, parent)
        self._above.append((directory, descriptor))
        require_unchanged(directory.name, directory.identity, descriptor)
        return directory

    def _left(self) -> LeaveDirectory:
        directory, descriptor = self._above.pop()
        try:
            require_unchanged(directory.name, directory.identity, descriptor)
        finally:
            os.close(descriptor)
        return LeaveDirectory()

    def _record(self, *values: Any) -> None:
        record = marshal.dumps(values)
        self._records.append(_LENGTH.pack(len(record)) + record)


def _unpacked(block: bytes) -> Iterator[Any]:
    at = 0
    while at < len(block):
        start = at + _LENGTH.size
        at = start + _LENGTH.unpack_from(block, at)[0]
        yield marshal.loads(memoryview(block)[start:at])  # noqa: S302  our own
