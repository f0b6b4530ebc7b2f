"""Cuts a tree into units of work of about the same size, each packed by itself."""

import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from worker.errors import InvalidResultsDirectory
from worker.packaging.tree.files import (
    Stamp,
    open_measured,
    require_unchanged,
    unreadable,
)
from worker.packaging.tree.walk import Directory, Entry, Files, Link
from worker.packaging.workers import batch
from worker.packaging.workers.batch import Ready
from worker.packaging.workers.segment import SEGMENT
from worker.packaging.zip.format import MAX_16

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

    def add_files(self, files: Files, start: int, end: int) -> None:
        """Those from `start` to before `end`."""
        try:
            self.descriptors.append(os.dup(files.descriptor))  # the walk may leave it before us
        except OSError as error:
            raise unreadable(files.directory, error) from error
        directory = files.directory, len(self.descriptors) - 1, files.identity
        sizes = files.sizes[start:end]
        self.items.append((directory, files.names[start:end], sizes, files.identities[start:end]))
        self.member_count += len(sizes)
        self.size += sum(sizes)

    def close(self) -> None:
        """Nobody packs it any more."""
        while self.descriptors:
            os.close(self.descriptors.pop())

    release = close
    """It has been packed."""


class OpenFile:
    """A large file, open until its last segment is packed."""

    def __init__(self, files: Files, at: int) -> None:
        base = files.names[at]
        self.name = files.directory + base
        self.size = files.sizes[at]
        self._identity = files.identities[at]
        try:
            self.descriptor, self.stamp = open_measured(
                self.name, base, files.descriptor, self._identity
            )
        except OSError as error:
            raise unreadable(self.name, error) from error
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
    """Iterating it takes the entries, one by one; where they are None, so is what it gives."""

    def __init__(self, entries: Iterable[Entry | None], *, in_flight: int = 1) -> None:
        """`in_flight`: how many units there may be at a time."""
        self._entries = entries
        self._most_directories = max(1, OPEN_DIRECTORIES // in_flight)
        self._batch = Batch()

    def __iter__(self) -> Generator[Unit | None]:
        try:
            for entry in self._entries:
                if entry is None:
                    yield None
                else:
                    yield from self._units(entry)
            yield from self._flushed()
        finally:
            self._batch.close()

    def _units(self, entry: Entry) -> Iterator[Unit]:
        if isinstance(entry, Files):
            yield from self._files(entry)
        elif isinstance(entry, Directory | Link):
            _require_short(entry.name)
            self._batch.add(entry.name, entry.stamp, entry.content)
            if self._is_full():
                yield from self._flushed()

    def _files(self, files: Files) -> Iterator[Unit]:
        _require_short(files.directory + max(files.names, key=len))
        sizes = files.sizes
        at = 0
        while at < len(sizes):
            if sizes[at] > SEGMENT:
                yield from self._flushed()
                yield from _segments(OpenFile(files, at))
                at += 1
                continue
            end = self._batch.reach(sizes, at)
            self._batch.add_files(files, at, end)
            at = end
            if self._is_full():
                yield from self._flushed()

    def _is_full(self) -> bool:
        return self._batch.is_full or len(self._batch.descriptors) >= self._most_directories

    def _flushed(self) -> Iterator[Unit]:
        full, self._batch = self._batch, Batch()
        if full.items:
            yield full


def _segments(file: OpenFile) -> Iterator[Segment]:
    try:
        for offset in range(0, file.size, SEGMENT):
            yield Segment(file, offset, min(SEGMENT, file.size - offset))
    except GeneratorExit:
        file.close()
        raise


def _require_short(name: bytes) -> None:
    if len(name) > MAX_16:
        raise InvalidResultsDirectory(f"a name of {len(name)} bytes is too long for a ZIP")
