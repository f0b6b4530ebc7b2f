"""Adds up a tree before it is packed, to the most that its archive may come to; no I/O."""

from collections.abc import Iterable

from worker.packaging.tree.files import shown
from worker.packaging.tree.walk import Entry, Files, Left, LeftOut
from worker.packaging.zip.deflate import deflated_bound
from worker.packaging.zip.format import END_OVERHEAD, MEMBER_OVERHEAD

#: From so many files on, of so many bytes in the mean, half of the work is Python's.
MANY, SMALL = 2000, 64 * 1024


class Measure:
    """What the entries come to so far, in bytes, and what is left out of them."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.file_count = 0
        self.bytes_total = 0
        self.size_bound = END_OVERHEAD
        self.left_out: list[str] = []
        for entry in entries:
            self.add(entry)

    def add(self, entry: Entry) -> None:
        if isinstance(entry, Files):
            self._add_files(entry)
        elif isinstance(entry, LeftOut):
            self.left_out.append(f"{shown(entry.name)} ({entry.reason})")
        elif not isinstance(entry, Left):
            self.size_bound += MEMBER_OVERHEAD + 2 * len(entry.name) + len(entry.content)

    @property
    def has_many_small_files(self) -> bool:
        """Whether helper processes are worth their start."""
        return self.file_count >= MANY and self.bytes_total <= self.file_count * SMALL

    def _add_files(self, files: Files) -> None:
        count, total = len(files.sizes), sum(files.sizes)
        names = count * len(files.directory) + sum(map(len, files.names))
        self.file_count += count
        self.bytes_total += total
        self.size_bound += deflated_bound(total) + count * (deflated_bound(0) + MEMBER_OVERHEAD)
        self.size_bound += 2 * names
