"""An opened results directory: measured first, then packed once."""

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from worker.errors import TreeChanged
from worker.models.archive import Archive
from worker.packaging.deflate import deflated_bound
from worker.packaging.results_roots import opened_beneath
from worker.packaging.selection import selected
from worker.packaging.tree import Entry, File, LeftOut, Link
from worker.packaging.zip_format import END_OVERHEAD, MEMBER_OVERHEAD
from worker.packaging.zip_stream import ZipStream


@dataclass(slots=True)
class Measure:
    """What a tree holds, and the most that its archive may come to, in bytes."""

    file_count: int = 0
    bytes_total: int = 0
    size_bound: int = END_OVERHEAD

    def add(self, entry: Entry) -> None:
        size = 0
        if isinstance(entry, LeftOut):
            return
        if isinstance(entry, File):
            size = entry.size()
            self.file_count += 1
            self.bytes_total += size
        elif isinstance(entry, Link):
            size = len(entry.target)
        self.size_bound += deflated_bound(size) + 2 * len(entry.name) + MEMBER_OVERHEAD


class TreePackage:
    """The `Package` of the directory that `descriptor` holds open, until it is closed."""

    def __init__(self, descriptor: int, name: str, pattern: str) -> None:
        self._measure = Measure()
        for entry in selected(descriptor, name, pattern):
            self._measure.add(entry)
        self._entries = selected(descriptor, name, pattern)
        self._stream = ZipStream(self._entries)
        self._chunks = self._packed()

    def close(self) -> None:
        """Close what is open of the tree, wherever the packing stands."""
        self._chunks.close()
        self._entries.close()

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
        return self._stream.archive

    def chunks(self) -> Iterator[bytes]:
        return self._chunks

    def _packed(self) -> Generator[bytes]:
        for chunk in self._stream:
            self._require(self._stream.size <= self.size_bound)
            yield chunk
        self._require(self._stream.file_count == self.file_count)
        self._require(self._stream.bytes_done == self.bytes_total)

    @staticmethod
    def _require(as_measured: bool) -> None:
        if not as_measured:
            raise TreeChanged("entries came, went or grew between measuring and packing")


@dataclass(frozen=True, slots=True)
class TreePackager:
    roots: tuple[Path, ...]
    pattern: str = "RUN*"
    """Which directory names are runs', as in the shell."""

    @contextmanager
    def open(self, path: str) -> Iterator[TreePackage]:
        with opened_beneath(self.roots, path) as descriptor:
            package = TreePackage(descriptor, PurePosixPath(path).name, self.pattern)
            with closing(package):
                yield package
