"""Units of work, each packed by itself: a batch of small entries, or a segment of a large file."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from worker.packaging.tree.changes import Identity, Stamp, require_unchanged, unreadable
from worker.packaging.tree.entries import FileGroup
from worker.packaging.tree.files import open_measured
from worker.packaging.workers.batch import FilesToPack, Ready
from worker.packaging.workers.segment import SEGMENT

#: A batch ends with the file that brings it to as many bytes, or to as many entries or directories.
#: The archive is the same wherever it ends.
BATCH_BYTES, BATCH_ENTRIES, BATCH_DIRECTORIES = 512 * 1024, 256, 16


@dataclass(slots=True)
class Batch:
    """Entries that are packed together, with the directories of their files kept open."""

    items: list[Ready | FilesToPack] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    entry_count: int = 0
    size: int = 0
    """Bytes of the files."""
    is_check: bool = False
    """Whether its files, packed before, are only compared with what was measured."""

    @property
    def message(self) -> tuple[bool, list[Ready | FilesToPack]]:
        """What a helper process is told, beside the descriptors."""
        return self.is_check, self.items

    @property
    def is_full(self) -> bool:
        return (
            self.size >= BATCH_BYTES
            or self.entry_count >= BATCH_ENTRIES
            or len(self.descriptors) >= BATCH_DIRECTORIES
        )

    def reach(self, sizes: Sequence[int], start: int) -> int:
        """The end of the files from `start` on that go in: until it is full, or to a large one."""
        end = min(len(sizes), start + BATCH_ENTRIES - self.entry_count)
        total = self.size
        for at in range(start, end):
            if sizes[at] > SEGMENT:
                return at
            total += sizes[at]
            if total >= BATCH_BYTES:
                return at + 1
        return end

    def add(self, name: bytes, at: Stamp, content: bytes) -> None:
        """Add a directory, or a link with its target."""
        self.items.append((name, at, content))
        self.entry_count += 1

    def add_files(self, files: FileGroup, start: int, end: int) -> None:
        """Add the files from `start` to before `end`, and a descriptor of their directory."""
        try:
            self.descriptors.append(os.dup(files.descriptor))  # the walk may leave it before us
        except OSError as error:
            raise unreadable(files.directory, error) from error
        directory = files.directory, len(self.descriptors) - 1, files.identity
        sizes = files.sizes[start:end]
        self.items.append((directory, files.names[start:end], sizes, files.identities[start:end]))
        self.entry_count += len(sizes)
        self.size += sum(sizes)

    def close(self) -> None:
        """Close the directories, whether or not the batch was packed."""
        while self.descriptors:
            os.close(self.descriptors.pop())

    release = close
    """The batch has been packed."""


@dataclass(slots=True)
class OpenFile:
    """A large file, open until its last segment is packed."""

    name: bytes
    size: int
    stamp: Stamp
    descriptor: int
    _identity: Identity
    _closed: bool = False

    @classmethod
    def open(cls, files: FileGroup, at: int) -> Self:
        """Open a file of the group; TreeChanged if it is not as it was measured."""
        base, identity = files.names[at], files.identities[at]
        name = files.directory + base
        try:
            descriptor, stamp = open_measured(name, base, files.descriptor, identity)
        except OSError as error:
            raise unreadable(name, error) from error
        return cls(name, files.sizes[at], stamp, descriptor, identity)

    def require_unchanged(self) -> None:
        """Raise TreeChanged if the file was written to since it was measured."""
        require_unchanged(self.name, self._identity, self.descriptor)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            os.close(self.descriptor)


@dataclass(frozen=True, slots=True)
class Segment:
    """`size` bytes at `offset` of a large file."""

    file: OpenFile
    offset: int
    size: int

    @property
    def is_last(self) -> bool:
        return self.offset + self.size == self.file.size

    def close(self) -> None:
        """Close the file, of which no more segments will be packed."""
        self.file.close()

    def release(self) -> None:
        """This segment has been packed: close the file if it was the last."""
        if self.is_last:
            self.file.close()


Unit = Batch | Segment
