"""Measures a tree before it is packed: its files' sizes, and the most its archive may come to."""

import os
from array import array
from collections.abc import Iterable, Iterator

from worker.packaging.deflate import deflated_bound
from worker.packaging.reading import unreadable
from worker.packaging.spool import Spool
from worker.packaging.tree import Entry, Files, LeftOut
from worker.packaging.zip_format import END_OVERHEAD, MEMBER_OVERHEAD

#: From so many files on, of so many bytes in the mean, half of the work is Python's.
MANY, SMALL = 2000, 64 * 1024


class Measure:
    """What the entries come to so far, in bytes, and each file's size in the walk's order."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.file_count = 0
        self.bytes_total = 0
        self.size_bound = END_OVERHEAD
        self._sizes = Spool()
        for entry in entries:
            self.add(entry)

    def add(self, entry: Entry) -> None:
        if isinstance(entry, Files):
            self._add_files(entry)
        elif not isinstance(entry, LeftOut):
            self.size_bound += MEMBER_OVERHEAD + 2 * len(entry.name) + len(entry.content)

    @property
    def has_many_small_files(self) -> bool:
        """Whether helper processes are worth their start."""
        return self.file_count >= MANY and self.bytes_total <= self.file_count * SMALL

    def _add_files(self, files: Files) -> None:
        sizes = array("Q")
        for base in files.names:
            try:
                status = os.stat(base, dir_fd=files.descriptor, follow_symlinks=False)
            except OSError as error:
                raise unreadable(files.directory + base, error) from error
            sizes.append(status.st_size)
        count, total = len(sizes), sum(sizes)
        names = count * len(files.directory) + sum(map(len, files.names))
        self.file_count += count
        self.bytes_total += total
        self.size_bound += deflated_bound(total) + count * (deflated_bound(0) + MEMBER_OVERHEAD)
        self.size_bound += 2 * names
        self._sizes.append(sizes.tobytes())

    def sizes(self) -> Iterator[int]:
        """Each file's, in the order of the walk."""
        for block in self._sizes:
            yield from array("Q", block)
