"""What a walk found, kept until it is packed, and then told again with its directories open."""

import marshal
import os
from collections.abc import Generator, Iterator
from struct import Struct
from typing import Any

from worker.packaging.spool import Spool
from worker.packaging.tree.files import require_unchanged
from worker.packaging.tree.walk import Directory, Entry, Files, Left, Link, open_directory

_LENGTH = Struct("<L")


class _Kind:
    DIRECTORY, LEFT, FILES, LINK = range(4)


class Survey:
    """Of a walk that began at the open directory `top`. It may be read while it is written."""

    def __init__(self, top: int) -> None:
        self._top = top
        self._above: list[tuple[Directory, int]] = []
        """The directories that reading stands in, with their descriptors."""
        self._records = Spool()
        self._is_over = False

    def add(self, entry: Entry) -> None:
        match entry:
            case Directory():
                self._record(_Kind.DIRECTORY, entry.name, entry.base, entry.stamp, entry.identity)
            case Left():
                self._record(_Kind.LEFT)
            case Files():
                self._record(_Kind.FILES, entry.names, entry.sizes, entry.identities)
            case Link():
                self._record(_Kind.LINK, entry.name, entry.stamp, entry.content)

    def end(self) -> None:
        """The walk is over."""
        self._is_over = True

    def entries(self) -> Generator[Entry | None]:
        """What was added, once; None where that has not been added yet.

        TreeChanged if a directory is not as the walk has seen it.
        """
        try:
            while (block := self._records.take()) or not self._is_over:
                if not block:
                    yield None
                for kind, *values in _unpacked(block):
                    yield self._entry(kind, values)
        finally:
            while self._above:
                os.close(self._above.pop()[1])

    def _entry(self, kind: int, values: list[Any]) -> Entry:
        match kind:
            case _Kind.DIRECTORY:
                return self._entered(Directory(*values))
            case _Kind.LEFT:
                return self._left()
            case _Kind.FILES:
                directory, descriptor = self._above[-1]
                return Files(directory.name, descriptor, directory.identity, *values)
            case _:
                return Link(*values)

    def _entered(self, directory: Directory) -> Directory:
        parent = self._above[-1][1] if self._above else self._top
        descriptor = open_directory(directory.name, directory.base, parent)
        self._above.append((directory, descriptor))
        require_unchanged(directory.name, directory.identity, descriptor)
        return directory

    def _left(self) -> Left:
        directory, descriptor = self._above.pop()
        try:
            require_unchanged(directory.name, directory.identity, descriptor)
        finally:
            os.close(descriptor)
        return Left.DIRECTORY

    def _record(self, *values: Any) -> None:
        record = marshal.dumps(values)
        self._records.append(_LENGTH.pack(len(record)) + record)


def _unpacked(block: bytes) -> Iterator[Any]:
    at = 0
    while at < len(block):
        start = at + _LENGTH.size
        at = start + _LENGTH.unpack_from(block, at)[0]
        yield marshal.loads(memoryview(block)[start:at])  # noqa: S302  our own
