"""A tree's entries become the bytes of a ZIP, in one pass."""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import replace

from worker.errors import InvalidResultsDirectory, TreeChanged
from worker.models.archive import Archive
from worker.packaging.central_directory import CentralDirectory
from worker.packaging.deflate import Deflater, crc32, deflated
from worker.packaging.tree import Directory, Entry, File, LeftOut, Link, shown
from worker.packaging.zip_format import (
    DEFLATED,
    MAX_16,
    MAX_32,
    STORED,
    Member,
    data_descriptor,
    local_header,
)

#: Bytes read at a time, and up to which a file is compressed whole, its sizes in its header.
PIECE = 1 << 20
#: From this size on the deflated data may need a 64-bit descriptor.
ZIP64_FROM = MAX_32 - MAX_32 // 128


class ZipStream:
    """Iterating it packs the entries; the counts below follow along."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = entries
        self._directory = CentralDirectory()
        self._left_out: list[str] = []
        self._size = 0
        self.file_count = 0
        self.bytes_done = 0

    @property
    def size(self) -> int:
        """Bytes of the archive so far."""
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        for entry in self._entries:
            yield from self._counted(self._packed(entry))
        yield from self._counted(self._directory.closing(self._size))

    @property
    def archive(self) -> Archive:
        return Archive(
            file_count=self.file_count,
            bytes_total=self.bytes_done,
            size=self._size,
            left_out=tuple(self._left_out),
        )

    def _counted(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._size += len(piece)
            yield piece

    def _packed(self, entry: Entry) -> Iterator[bytes]:
        match entry:
            case Directory(name, status):
                yield self._whole(_member(name, status), b"")
            case Link(name, target, status):
                yield self._whole(_member(name, status), target)
            case LeftOut(name, reason):
                self._left_out.append(f"{shown(name)} ({reason})")
            case File():
                yield from self._file(entry)

    def _file(self, file: File) -> Iterator[bytes]:
        with file.opened() as (descriptor, status):
            member = _member(file.name, status)
            pieces = self._read(file.name, descriptor, status.st_size)
            if status.st_size <= PIECE:
                yield self._whole(member, b"".join(pieces))
            else:
                yield from self._streamed(member, pieces, status.st_size)
        self.file_count += 1

    def _read(self, name: bytes, descriptor: int, size: int) -> Iterator[bytes]:
        """All bytes of the file, which must be as many as its status said."""
        remaining = size
        while piece := _read(descriptor):
            remaining -= len(piece)
            if remaining < 0:
                break
            self.bytes_done += len(piece)
            yield piece
        if remaining:
            raise TreeChanged(f"{shown(name)} changed its size while it was being packed")

    def _whole(self, member: Member, data: bytes) -> bytes:
        compressed = deflated(data)
        stored = len(compressed) >= len(data)
        body = data if stored else compressed
        member = replace(
            member,
            method=STORED if stored else DEFLATED,
            crc=crc32(data),
            compressed_size=len(body),
            size=len(data),
        )
        self._directory.add(member, self._size)
        return local_header(member) + body

    def _streamed(self, member: Member, pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
        offset = self._size
        member = replace(member, method=DEFLATED, streamed=True, zip64=size >= ZIP64_FROM)
        deflater = Deflater()
        yield local_header(member)
        yield from deflater.deflate(pieces)
        member = replace(
            member,
            crc=deflater.crc,
            compressed_size=deflater.compressed_size,
            size=deflater.size,
        )
        yield data_descriptor(member)
        self._directory.add(member, offset)


def _read(descriptor: int) -> bytes:
    """The next PIECE bytes; fewer only at the file's end, for deflate goes by where pieces end."""
    pieces = []
    room = PIECE
    while room and (piece := os.read(descriptor, room)):
        pieces.append(piece)
        room -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _member(name: bytes, status: os.stat_result) -> Member:
    if len(name) > MAX_16:
        raise InvalidResultsDirectory(f"a name of {len(name)} bytes is too long for a ZIP")
    return Member(
        name=name,
        mode=stat.S_IMODE(status.st_mode) | stat.S_IFMT(status.st_mode),
        mtime=status.st_mtime_ns // 1_000_000_000,
    )
