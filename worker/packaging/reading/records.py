"""Reads the records of a stored ZIP by position, in bounded memory however large the archive is."""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from struct import unpack_from
from typing import Any, NamedTuple

from isal import isal_zlib

from worker.errors import ArchiveDamaged
from worker.packaging.zip.format import (
    CENTRAL_HEADER,
    END_RECORD,
    LOCAL_HEADER,
    MAX_16,
    MAX_32,
    ZIP64,
    ZIP64_END_RECORD,
    ZIP64_LOCATOR,
    Record,
    extra_fields,
)

#: Bytes that are asked for at once. Four such blocks are held at most.
BLOCK = 4 << 20


#: Yields the bytes of a stored object from one position up to another.
Read = Callable[[int, int], Iterable[bytes]]


class Blocks:
    """The object's bytes in aligned blocks, of which the latest two are kept."""

    def __init__(self, size: int, read: Read) -> None:
        self.size = size
        self._read = read
        self.at = lru_cache(maxsize=2)(self._block)

    def _block(self, number: int) -> bytes:
        start = number * BLOCK
        return b"".join(self._read(start, min(start + BLOCK, self.size)))


class Cursor:
    """Reads onwards from a position, and keeps the CRC-32 of all that it has read."""

    def __init__(self, blocks: Blocks, position: int) -> None:
        self._blocks = blocks
        self._block = -1, b""  # its own, so that another cursor's reading does not drop it
        self.position = position
        self.crc = 0

    def pieces(self, size: int) -> Iterator[memoryview]:
        """Yield the next `size` bytes as they lie in their blocks; ArchiveDamaged if it ends."""
        if size > self._blocks.size - self.position:
            raise ArchiveDamaged(f"it ends before what it says to begin at {self.position:,}")
        while size:
            number, offset = divmod(self.position, BLOCK)
            if number != self._block[0]:
                self._block = number, self._blocks.at(number)
            piece = memoryview(self._block[1])[offset : offset + size]
            self.position += len(piece)
            self.crc = isal_zlib.crc32(piece, self.crc)
            size -= len(piece)
            yield piece

    def take(self, size: int) -> bytes:
        """The next `size` bytes, joined."""
        return b"".join(self.pieces(size))

    def read(self, record: Record, otherwise: str) -> tuple[Any, ...]:
        """The fields of the next record; ArchiveDamaged with this message if it is another one."""
        try:
            return record.unpack(self.take(record.size))
        except ValueError:
            raise ArchiveDamaged(otherwise) from None


def read_end(blocks: Blocks) -> tuple[int, int, int]:
    """Members, bytes and offset of the directory; ArchiveDamaged without a record at the end."""
    at = blocks.size - END_RECORD.size
    if at < 0:
        raise ArchiveDamaged(f"{blocks.size:,} bytes are no archive")
    otherwise = "it does not end as an archive does"
    _, _, _, count, size, offset, comment = Cursor(blocks, at).read(END_RECORD, otherwise)
    if comment:
        raise ArchiveDamaged(otherwise)
    if count == MAX_16 or MAX_32 in (size, offset):
        return _read_zip64_end(blocks, at)
    return count, size, offset


def _read_zip64_end(blocks: Blocks, end: int) -> tuple[int, int, int]:
    otherwise = "its end record of 64 bits is missing"
    locator = Cursor(blocks, max(0, end - ZIP64_LOCATOR.size))
    _, offset, _ = locator.read(ZIP64_LOCATOR, otherwise)
    if offset > end:
        raise ArchiveDamaged(otherwise)
    *_, count, size, offset = Cursor(blocks, offset).read(ZIP64_END_RECORD, otherwise)
    return count, size, offset


class Header(NamedTuple):
    """What both headers of a member tell of it."""

    name: bytes
    flags: int
    method: int
    time: int
    date: int
    crc: int
    compressed_size: int
    size: int


def read_central(directory: Cursor) -> tuple[Header, int]:
    """Read the next header of the directory, and the offset of the member's local header."""
    fields = directory.read(
        CENTRAL_HEADER, "its directory holds something else than its members' headers"
    )
    flags, method, time, date, crc, compressed, size, *lengths = fields[2:12]
    name_size, extra_size, comment_size = lengths
    name = directory.take(name_size)
    wide = _zip64(directory.take(extra_size))
    directory.take(comment_size)
    size, compressed, offset = _widened([size, compressed, fields[-1]], wide)
    return Header(name, flags, method, time, date, crc, compressed, size), offset


def read_local(data: Cursor) -> tuple[Header, bool]:
    """Read a member's local header, and whether its sizes have 64 bits."""
    otherwise = f"no member begins at {data.position:,}"
    fields = data.read(LOCAL_HEADER, otherwise)
    _, flags, method, time, date, crc, compressed, size, name_size, extra_size = fields
    name = data.take(name_size)
    wide = _zip64(data.take(extra_size))
    if wide is not None:
        size, compressed = _widened([size, compressed], wide)
    return Header(name, flags, method, time, date, crc, compressed, size), wide is not None


def _zip64(extra: bytes) -> bytes | None:
    for kind, content in extra_fields(extra):
        if kind == ZIP64:
            return content
    return None


def _widened(fields: list[int], wide: bytes | None) -> list[int]:
    """The fields, with the numbers of the Zip64 field for those that say "see there"."""
    numbers = iter(unpack_from(f"<{len(wide or b'') // 8}Q", wide or b""))
    return [next(numbers, field) if field == MAX_32 else field for field in fields]
