"""Cuts a tree into units of work of about the same size."""

from collections.abc import Generator, Iterable, Iterator

from worker.errors import InvalidResultsDirectory
from worker.packaging.tree.entries import Directory, Entry, FileGroup, Link
from worker.packaging.workers.segment import SEGMENT
from worker.packaging.workers.units import Batch, OpenFile, Segment, Unit
from worker.packaging.zip.format import MAX_16

#: Descriptors of directories that all batches together may hold, of 1,024 that a process may have.
OPEN_DIRECTORIES = 256


class Plan:
    """Iterate over the units of these entries. Yields None where the entries do, which come later.

    `in_flight` is the number of units that may be open at a time.
    """

    def __init__(self, entries: Iterable[Entry | None], *, in_flight: int = 1) -> None:
        self._entries = entries
        self._max_directories = max(1, OPEN_DIRECTORIES // in_flight)
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
        if isinstance(entry, FileGroup):
            yield from self._units_of_files(entry)
        elif isinstance(entry, Directory | Link):
            _require_short(entry.name)
            self._batch.add(entry.name, entry.stamp, entry.content)
            if self._is_full():
                yield from self._flushed()

    def _units_of_files(self, files: FileGroup) -> Iterator[Unit]:
        _require_short(files.directory + max(files.names, key=len))
        sizes = files.sizes
        at = 0
        while at < len(sizes):
            if sizes[at] > SEGMENT:
                yield from self._flushed()
                yield from _segments(OpenFile.open(files, at))
                at += 1
                continue
            end = self._batch.reach(sizes, at)
            self._batch.add_files(files, at, end)
            at = end
            if self._is_full():
                yield from self._flushed()

    def _is_full(self) -> bool:
        return self._batch.is_full or len(self._batch.descriptors) >= self._max_directories

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
