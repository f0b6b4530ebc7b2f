"""Adds up a tree before it is packed, and the most bytes that its archive may take; no I/O."""

from worker.packaging.tree.changes import shown
from worker.packaging.tree.entries import Directory, Entry, FileGroup, LeaveDirectory, Omitted
from worker.packaging.zip.central_directory import END_OVERHEAD
from worker.packaging.zip.deflate import deflated_bound
from worker.packaging.zip.headers import ENTRY_OVERHEAD

#: From as many files on, of as many bytes in the mean at most, Python does half of the work.
MANY, SMALL = 2000, 64 * 1024


class Measure:
    """The sums of the entries that were added so far."""

    def __init__(self) -> None:
        self.file_count = 0
        self.bytes_total = 0
        """Of the regular files."""
        self.size_bound = END_OVERHEAD
        """The most bytes that the archive may take."""
        self._hash = 0
        self.left_out: list[str] = []
        """What the archive omits, as `name (reason)`."""

    def add(self, entry: Entry) -> None:
        if isinstance(entry, FileGroup):
            self._add_files(entry)
            return
        if isinstance(entry, Directory):
            self._hash = hash((self._hash, entry.identity))
        if isinstance(entry, Omitted):
            self.left_out.append(f"{shown(entry.name)} ({entry.reason})")
        elif not isinstance(entry, LeaveDirectory):
            self.size_bound += ENTRY_OVERHEAD + 2 * len(entry.name) + len(entry.content)

    @property
    def fingerprint(self) -> str:
        """Of all files and directories; another one if any was changed meanwhile."""
        return f"{self._hash & 0xFFFF_FFFF_FFFF_FFFF:016x}"

    @property
    def has_many_small_files(self) -> bool:
        """Whether helper processes are worth their start."""
        return self.file_count >= MANY and self.bytes_total <= self.file_count * SMALL

    def _add_files(self, files: FileGroup) -> None:
        count, total = len(files.sizes), sum(files.sizes)
        names = count * len(files.directory) + sum(map(len, files.names))
        self._hash = hash((self._hash, *files.identities))
        self.file_count += count
        self.bytes_total += total
        self.size_bound += deflated_bound(total) + count * (deflated_bound(0) + ENTRY_OVERHEAD)
        self.size_bound += 2 * names
