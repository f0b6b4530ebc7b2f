"""Cuts a tree into units of work of about the same size, each packed by itself."""

import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from worker.errors import InvalidResultsDirectory, TreeChanged
from worker.packaging import batch
from worker.packaging.batch import Ready, Stamp, stamp
from worker.packaging.reading import identity, open_measured, require_unchanged, shown, unreadable
from worker.packaging.segment import SEGMENT
from worker.packaging.tree import Entry, Files, LeftOut
from worker.packaging.zip_format import MAX_16

#: A batch ends with the file that brings it to as many bytes, or to as many members or
#: directories. Nothing of this shows in the archive.
BATCH_BYTES, BATCH_MEMBERS, BATCH_DIRECTORIES = 512 * 1024, 256, 16
#: Descriptors of directories that all batches together may hold, of 1,024 that a process may have.
OPEN_DIRECTORIES = 256


@dataclass(slots=True)
class Batch:
    """Members that are packed together, with directories of their files kept open."""

    items: list[Ready | batch.Files] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    member_count: int = 0
    size: int = 0

    @property
    def is_full(self) -> bool:
        return (
            self.size >= BATCH_BYTES
            or self.member_count >= BATCH_MEMBERS
            or len(self.descriptors) >= BATCH_DIRECTORIES
        )

    def reach(self, sizes: Sequence[int], start: int) -> int:
        """How far the files from `start` on go into it: until it is full, or to a large one."""
        end = min(len(sizes), start + BATCH_MEMBERS - self.member_count)
        total = self.size
        for at in range(start, end):
            if sizes[at] > SEGMENT:
                return at
            total += sizes[at]
            if total >= BATCH_BYTES:
                return at + 1
        return end

    def add(self, name: bytes, at: Stamp, content: bytes) -> None:
        self.items.append((name, at, content))
        self.member_count += 1

    def add_files(self, files: Files, names: list[bytes], sizes: list[int]) -> None:
        try:
            self.descriptors.append(os.dup(files.descriptor))  # the walk may leave it before us
        except OSError as error:
            raise unreadable(files.directory, error) from error
        directory = files.directory, len(self.descriptors) - 1, files.identity
        self.items.append((directory, names, sizes))
        self.member_count += len(names)
        self.size += sum(sizes)

    def close(self) -> None:
        """Nobody packs it any more."""
        while self.descriptors:
            os.close(self.descriptors.pop())

    release = close
    """It has been packed."""


class OpenFile:
    """A large file, open until its last segment is packed."""

    def __init__(self, files: Files, base: bytes, size: int) -> None:
        self.name = files.directory + base
        self.size = size
        try:
            self.descriptor, status = open_measured(self.name, base, files.descriptor, size)
        except OSError as error:
            raise unreadable(self.name, error) from error
        self.stamp = stamp(status)
        self._identity = identity(status)
        self._closed = False

    def require_unchanged(self) -> None:
        require_unchanged(self.name, self._identity, self.descriptor)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            os.close(self.descriptor)


@dataclass(frozen=True, slots=True)
class Segment:
    file: OpenFile
    offset: int
    size: int

    @property
    def is_first(self) -> bool:
        return self.offset == 0

    @property
    def is_last(self) -> bool:
        return self.offset + self.size == self.file.size

    def close(self) -> None:
        """Nobody packs any of the file any more."""
        self.file.close()

    def release(self) -> None:
        """This one has been packed."""
        if self.is_last:
            self.file.close()


Unit = Batch | Segment


class Plan:
    """Iterating it walks the tree; what it leaves out is named along the way."""

    def __init__(
        self, entries: Iterable[Entry], sizes: Iterator[int], *, in_flight: int = 1
    ) -> None:
        """`in_flight`: how many units there may be at a time."""
        self._entries = entries
        self._sizes = sizes
        self._most_directories = max(1, OPEN_DIRECTORIES // in_flight)
        self._batch = Batch()
        self.left_out: list[str] = []

    def __iter__(self) -> Generator[Unit]:
        try:
            for entry in self._entries:
                yield from self._units(entry)
            yield from self._flushed()
        finally:
            self._batch.close()

    def _units(self, entry: Entry) -> Iterator[Unit]:
        if isinstance(entry, LeftOut):
            self.left_out.append(f"{shown(entry.name)} ({entry.reason})")
        elif isinstance(entry, Files):
            yield from self._files(entry)
        else:
            _require_short(entry.name)
            self._batch.add(entry.name, stamp(entry.status), entry.content)
            if self._is_full():
                yield from self._flushed()

    def _files(self, files: Files) -> Iterator[Unit]:
        _require_short(files.directory + max(files.names, key=len))
        sizes = list(islice(self._sizes, len(files.names)))
        if len(sizes) < len(files.names):
            raise TreeChanged(f"files came to {shown(files.directory)} while it was being packed")
        at = 0
        while at < len(sizes):
            if sizes[at] > SEGMENT:
                yield from self._flushed()
                yield from _segments(files, files.names[at], sizes[at])
                at += 1
                continue
            end = self._batch.reach(sizes, at)
            self._batch.add_files(files, files.names[at:end], sizes[at:end])
            at = end
            if self._is_full():
                yield from self._flushed()

    def _is_full(self) -> bool:
        return self._batch.is_full or len(self._batch.descriptors) >= self._most_directories

    def _flushed(self) -> Iterator[Unit]:
        full, self._batch = self._batch, Batch()
        if full.items:
            yield full


def _segments(files: Files, base: bytes, size: int) -> Iterator[Segment]:
    file = OpenFile(files, base, size)
    try:
        for offset in range(0, size, SEGMENT):
            yield Segment(file, offset, min(SEGMENT, size - offset))
    except GeneratorExit:
        file.close()
        raise


def _require_short(name: bytes) -> None:
    if len(name) > MAX_16:
        raise InvalidResultsDirectory(f"a name of {len(name)} bytes is too long for a ZIP")
