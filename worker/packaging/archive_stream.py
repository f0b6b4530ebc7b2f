"""Packed units become the bytes of a ZIP, in one pass."""

from collections.abc import Generator, Iterable, Iterator

from worker.packaging.workers.batch import PackedBatch
from worker.packaging.workers.plan import OpenFile, Segment
from worker.packaging.workers.pool import Packed
from worker.packaging.workers.segment import PackedSegment
from worker.packaging.zip.central_directory import CentralDirectory
from worker.packaging.zip.deflate import END_OF_STREAM, crc32_combined
from worker.packaging.zip.format import DEFLATED, MAX_32, Member, data_descriptor, local_header

#: From this size on the deflated data may need a 64-bit descriptor.
ZIP64_FROM = MAX_32 - MAX_32 // 128

Chunk = bytes | bytearray


class ZipStream:
    """Iterating it gives the archive; the counts below follow along."""

    def __init__(self, packed: Iterable[Packed]) -> None:
        self._packed = packed
        self._directory = CentralDirectory()
        self._streamed: StreamedMember | None = None
        self.size = 0
        """Bytes of the archive so far."""
        self.file_count = 0
        self.bytes_done = 0

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
        self._directory.extend(packed, self.size)
        self.file_count += packed.file_count
        self.bytes_done += packed.bytes_total
        return packed.data

    def _segment(self, segment: Segment, packed: PackedSegment) -> Iterator[Chunk]:
        streamed = self._streamed
        if streamed is None:
            streamed = self._streamed = StreamedMember(segment.file, self.size)
            yield streamed.header()
        self.bytes_done += packed.size
        yield streamed.add(packed)
        if segment.is_last:
            segment.file.require_unchanged()
            yield streamed.closing()
            self._directory.add(streamed.member, streamed.offset)
            self.file_count += 1
            self._streamed = None


class StreamedMember:
    """A large file's member, whose CRC and sizes follow its data."""

    def __init__(self, file: OpenFile, offset: int) -> None:
        self.offset = offset
        zip64 = file.size >= ZIP64_FROM
        self.member = Member(file.name, *file.stamp, DEFLATED, streamed=True, zip64=zip64)

    def header(self) -> bytes:
        return local_header(self.member)

    def add(self, packed: PackedSegment) -> Chunk:
        data = packed.data
        so_far = self.member
        self.member = so_far._replace(
            crc=crc32_combined(so_far.crc, packed.crc, packed.size),
            compressed_size=so_far.compressed_size + len(data),
            size=so_far.size + packed.size,
        )
        return data

    def closing(self) -> bytes:
        """The stream's end, and what was not known before."""
        size = self.member.compressed_size + len(END_OF_STREAM)
        self.member = self.member._replace(compressed_size=size)
        return END_OF_STREAM + data_descriptor(self.member)
