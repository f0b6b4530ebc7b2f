"""Packs results directories: each is measured first, then streamed as a ZIP once."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Self

from worker.errors import InvalidResultsDirectory, TreeChanged
from worker.models.archive import Archive
from worker.packaging.archive_stream import Chunk, ZipStream
from worker.packaging.tree.measure import Measure
from worker.packaging.tree.roots import opened_beneath
from worker.packaging.tree.selection import Selection, select
from worker.packaging.tree.survey import Survey
from worker.packaging.workers.checks import checks
from worker.packaging.workers.plan import Plan
from worker.packaging.workers.pool import MAX_HELD_WHILE_MEASURING, PackingPool
from worker.packaging.zip.deflate import FAST
from worker.process.memory import keep_freed_memory, return_freed_memory

#: Bytes of a tree from which on the memory that packing it took is given back to the system.
LARGE = 32 << 20
GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Packing:
    """How to pack. Threads and helpers make no difference to the archive."""

    threads: int = 2
    level: int = FAST
    """Of `worker.packaging.zip.deflate`."""
    helpers: bool | None = None
    """Whether helper processes pack the small files; None: if these are many."""

    def cut_back(self, times: int) -> Self:
        """With half the threads as many times, and then without helpers."""
        if not times:
            return self
        return replace(self, threads=max(1, self.threads >> times), helpers=False)


class TreePackage:
    """The `Package` of an open directory. Measure it, take its chunks, close it, in this order."""

    def __init__(
        self, selection: Selection, pool: PackingPool, max_bytes: int | None = None
    ) -> None:
        """The package closes the pool, but not the selection's directory.

        `max_bytes`: what its files may have in all; None for no limit.
        """
        self._max_bytes = max_bytes
        self._selection = selection
        self._pool = pool
        self._measure = Measure()
        self._survey = Survey(selection.directory)
        self._entries = self._survey.entries()
        self._units = iter(Plan(self._entries, in_flight=pool.in_flight))
        self._packed = pool.in_order(self._units)
        self._stream = ZipStream(self._packed)
        self._moved: Callable[[], None] = lambda: None
        self._chunks = self._checked()

    def measure(self, helpers: bool | None, moved: Callable[[], None]) -> None:
        """Walk the whole tree once, and call `moved` for each entry; for the errors see `walk`.

        `moved` is called again when the files are looked at once more behind the last byte.

        Helper processes, if any (see `Packing`), pack what was found already.
        """
        self._moved = moved
        if helpers:
            self._pool.start_helpers()
        with closing(self._selection.entries()) as entries:
            for entry in entries:
                moved()
                self._measure.add(entry)
                self._require_allowed_size()
                self._survey.add(entry)
                if helpers is None and self._measure.has_many_small_files:
                    self._pool.start_helpers()
                if self._pool.has_helpers:
                    self._pool.pack_ahead(self._units, max_held=MAX_HELD_WHILE_MEASURING)
        self._survey.complete()

    def close(self) -> None:
        """Stop packing, wherever it stands, and close all files and directories of the tree."""
        with (
            closing(self._entries),
            closing(self._units),
            closing(self._pool),  # before the units, whose files its threads may be reading
            closing(self._packed),
        ):
            self._chunks.close()

    @property
    def file_count(self) -> int:
        return self._measure.file_count

    @property
    def bytes_total(self) -> int:
        return self._measure.bytes_total

    @property
    def fingerprint(self) -> str:
        return self._measure.fingerprint

    @property
    def size_bound(self) -> int:
        return self._measure.size_bound

    @property
    def bytes_done(self) -> int:
        return self._stream.bytes_done

    @property
    def archive(self) -> Archive:
        return Archive(
            file_count=self._stream.file_count,
            bytes_total=self.bytes_done,
            size=self._stream.size,
            left_out=tuple(self._measure.left_out),
        )

    def chunks(self) -> Iterator[Chunk]:
        """The archive's bytes, once. Raises TreeChanged if the tree is not as it was measured."""
        return self._chunks

    def _checked(self) -> Generator[Chunk]:
        for chunk in self._stream:
            _require_as_measured(self._stream.size <= self.size_bound)
            yield chunk
        _require_as_measured(self._stream.file_count == self.file_count)
        _require_as_measured(self._stream.bytes_done == self.bytes_total)
        self._require_one_moment()
        self._selection.require_unchanged()

    def _require_allowed_size(self) -> None:
        if self._max_bytes is not None and self.bytes_total > self._max_bytes:
            raise InvalidResultsDirectory(
                f"its files have more than {self._max_bytes / GIB:g} GiB, the most that"
                " ONEPREFIX_MAX_RUN_GIB allows"
            )

    def _require_one_moment(self) -> None:
        """Raise TreeChanged if a file changed after it was packed, while others still were.

        What is as it was measured, once all has been read, was so at one moment together.
        """
        with (
            closing(self._survey.again()) as entries,
            closing(checks(entries, in_flight=self._pool.in_flight)) as batches,
            closing(self._pool.in_order(batches)) as checked,
        ):
            for _ in checked:
                self._moved()


def _require_as_measured(holds: bool) -> None:
    if not holds:
        raise TreeChanged("entries came, went or grew between measuring and packing")


@dataclass(frozen=True, slots=True)
class TreePackager:
    """Opens results directories that lie beneath the roots."""

    roots: tuple[Path, ...]
    pattern: str = "RUN*"
    """Which directories' names are runs', as in the shell."""
    packing: Packing = field(default_factory=Packing)
    complete_marker: str | None = None
    """The name of a file without which a run's directory is not finished."""
    max_bytes: int | None = None
    """What a run's files may have in all."""

    @contextmanager
    def open(
        self, path: str, moved: Callable[[], None] = lambda: None, *, cutbacks: int = 0
    ) -> Iterator[TreePackage]:
        """The measured package of a directory, closed behind the block.

        `moved` is called for each entry that is measured. `cutbacks`: how often to halve the means
        of packing. Raises Unfinished without the marker, and what `opened_beneath`, `select` and
        `walk` do. From then on this process keeps memory that it frees.
        """
        keep_freed_memory()
        packing = self.packing.cut_back(cutbacks)
        large = False
        try:
            with opened_beneath(self.roots, path) as directory:
                selection = select(directory, PurePosixPath(path).name, self.pattern)
                if self.complete_marker:
                    selection.require_marker(self.complete_marker)
                pool = PackingPool(threads=packing.threads, level=packing.level)
                with closing(TreePackage(selection, pool, self.max_bytes)) as package:
                    package.measure(packing.helpers, moved)
                    large = package.bytes_total >= LARGE
                    yield package
        finally:
            if large:
                return_freed_memory()
