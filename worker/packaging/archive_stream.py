"""Joins packed units to the bytes of a ZIP, in one pass."""

from collections.abc import Generator, Iterable, Iterator

from isal.isal_zlib import crc32_combine

from worker.packaging.workers.batch import PackedBatch
from worker.packaging.workers.pool import Packed
from worker.packaging.workers.segment import PackedSegment
from worker.packaging.workers.units import OpenFile, Segment
from worker.packaging.zip.central_directory import CentralDirectory
from worker.packaging.zip.deflate import END_OF_STREAM
from worker.packaging.zip.format import DEFLATED, MAX_32
from worker.packaging.zip.headers import ZipEntry, data_descriptor, local_header

#: Bytes of a file from which on its deflated data may need a 64-bit descriptor.
ZIP64_FROM = MAX_32 - MAX_32 // 128

Chunk = bytes | bytearray


class ZipStream:
    """Iterate over the archive's bytes, once; the counts grow as they are taken."""

    def __init__(self, packed: Iterable[Packed]) -> None:
        self._packed = packed
        self._directory = CentralDirectory()
        self._streamed: StreamedEntry | None = None
        self.size = 0
        """Bytes of the archive."""
        self.file_count = 0
        self.bytes_done = 0
        """Bytes of the files."""

    def __iter__(self) -> Generator[Chunk]:
        for chunk in self._chunks():
            self.size += len(chunk)
            yield chunk

    def _chunks(self) -> Iterator[Chunk]:
        for packed in self._packed:
            if isinstance(packed, PackedBatch):
                yield self._batch(packed)
            else:
                yield from self._segment(*packed)
        yield from self._directory.closing(self.size)

    def _batch(self, packed: PackedBatch) -> Chunk:
        self._directory.extend(
            packed.headers, packed.offset_marks, packed.entry_count, self.size, len(packed.data)
        )
        self.file_count += packed.file_count
        self.bytes_done += packed.bytes_total
        return packed.data

    def _segment(self, segment: Segment, packed: PackedSegment) -> Iterator[Chunk]:
        streamed = self._streamed
        if streamed is None:
            streamed = self._streamed = StreamedEntry(segment.file, self.size)
            yield local_header(streamed.entry)
        self.bytes_done += packed.size
        streamed.add(packed)
        yield packed.data
        if segment.is_last:
            segment.file.require_unchanged()
            yield streamed.closing()
            self._directory.add(streamed.entry, streamed.offset)
            self.file_count += 1
            self._streamed = None


class StreamedEntry:
    """The entry of a large file, whose CRC and sizes follow its data."""

    def __init__(self, file: OpenFile, offset: int) -> None:
        """The entry begins at this offset of the archive."""
        self.offset = offset
        zip64 = file.size >= ZIP64_FROM
        self.entry = ZipEntry(file.name, *file.stamp, DEFLATED, streamed=True, zip64=zip64)

    def add(self, packed: PackedSegment) -> None:
        so_far = self.entry
        self.entry = so_far._replace(
            crc=crc32_combine(so_far.crc, packed.crc, packed.size),
            compressed_size=so_far.compressed_size + len(packed.data),
            size=so_far.size + packed.size,
        )

    def closing(self) -> bytes:
        """The end of the deflated data, and the descriptor."""
        size = self.entry.compressed_size + len(END_OF_STREAM)
        self.entry = self.entry._replace(compressed_size=size)
        return END_OF_STREAM + data_descriptor(self.entry)
