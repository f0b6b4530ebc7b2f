"""An opened results directory: measured first, then packed once."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from worker.errors import TreeChanged
from worker.models.archive import Archive
from worker.packaging.archive_stream import Chunk, ZipStream
from worker.packaging.tree.measure import Measure
from worker.packaging.tree.roots import opened_beneath
from worker.packaging.tree.selection import Selection
from worker.packaging.tree.survey import Survey
from worker.packaging.workers.plan import Plan
from worker.packaging.workers.pool import HELD_AT_FIRST, PackingPool
from worker.packaging.zip.deflate import FAST
from worker.process.memory import keep_freed_memory, return_freed_memory

#: Bytes of a tree after which an idle worker is made small again.
LARGE = 32 << 20


@dataclass(frozen=True, slots=True)
class Packing:
    """How to pack. Threads and helpers don't show in the archive."""

    threads: int = 2
    level: int = FAST
    helpers: bool | None = None
    """Whether processes pack the small files; None: if they are many."""


class TreePackage:
    """The `Package` of the directory that `descriptor` holds open, until it is closed."""

    def __init__(
        self,
        descriptor: int,
        name: str,
        pattern: str,
        packing: Packing,
        pool: PackingPool,
        *,
        moved: Callable[[], None],
    ) -> None:
        """`moved` is called as the walk goes on."""
        self._selection = Selection(descriptor, name, pattern)
        self._measure = Measure()
        self._survey = Survey(descriptor)
        self._entries = self._survey.entries()
        self._units = iter(Plan(self._entries, in_flight=pool.in_flight))
        self._pool = pool
        self._packed = pool.in_order(self._units)
        self._stream = ZipStream(self._packed)
        self._chunks = self._checked()
        try:
            if packing.helpers:
                pool.start_helpers()
            self._walk(pool, moved, may_help=packing.helpers is None)
        except BaseException:
            self.close()
            raise

    def _walk(self, pool: PackingPool, moved: Callable[[], None], *, may_help: bool) -> None:
        with closing(self._selection.entries()) as entries:
            for entry in entries:
                moved()
                self._measure.add(entry)
                self._survey.add(entry)
                if may_help and self._measure.has_many_small_files:
                    pool.start_helpers()
                if pool.has_helpers:  # they begin while the rest is measured
                    pool.pack_ahead(self._units, held=HELD_AT_FIRST)
        self._survey.end()

    def close(self) -> None:
        """Stop, wherever the packing stands, and close what is open of the tree."""
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
        return self._chunks

    def _checked(self) -> Generator[Chunk]:
        for chunk in self._stream:
            self._require(self._stream.size <= self.size_bound)
            yield chunk
        self._require(self._stream.file_count == self.file_count)
        self._require(self._stream.bytes_done == self.bytes_total)
        self._selection.require_unchanged()

    @staticmethod
    def _require(as_measured: bool) -> None:
        if not as_measured:
            raise TreeChanged("entries came, went or grew between measuring and packing")


@dataclass(frozen=True, slots=True)
class TreePackager:
    roots: tuple[Path, ...]
    pattern: str = "RUN*"
    """Which directory names are runs', as in the shell."""
    packing: Packing = field(default_factory=Packing)

    def __post_init__(self) -> None:
        keep_freed_memory()

    @contextmanager
    def open(self, path: str, moved: Callable[[], None] = lambda: None) -> Iterator[TreePackage]:
        name, packing = PurePosixPath(path).name, self.packing
        pool = PackingPool(threads=packing.threads, level=packing.level)
        large = False
        try:
            with (
                closing(pool),
                opened_beneath(self.roots, path) as descriptor,
                closing(
                    TreePackage(descriptor, name, self.pattern, packing, pool, moved=moved)
                ) as package,
            ):
                large = package.bytes_total >= LARGE
                yield package
        finally:
            if large:
                return_freed_memory()
