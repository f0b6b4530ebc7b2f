"""Measures a tree before it is packed: its files' sizes, and the most its archive may come to."""

import os
from array import array
from collections.abc import Iterable, Iterator

from worker.packaging.deflate import deflated_bound
from worker.packaging.reading import unreadable
from worker.packaging.spool import Spool
from worker.packaging.tree import Entry, Files, LeftOut
from worker.packaging.zip_format import END_OVERHEAD, MEMBER_OVERHEAD


class Measure:
    """What the entries come to, in bytes, and each file's size in the walk's order."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.file_count = 0
        self.bytes_total = 0
        self.size_bound = END_OVERHEAD
        self._sizes = Spool()
        for entry in entries:
            if isinstance(entry, Files):
                self._add_files(entry)
            elif not isinstance(entry, LeftOut):
                self.size_bound += MEMBER_OVERHEAD + 2 * len(entry.name) + len(entry.content)

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
