"""Checks a stored archive against itself: every member's data, and both headers of each.

It is read once from front to back, with a second look at its directory, in bounded memory however
large and however many its members are. Stricter than readers are: members lie one behind the other
in the directory's order, and nothing lies between them, as all writers of streams leave it.
"""

from base64 import b64encode
from collections.abc import Iterator
from functools import lru_cache
from struct import Struct, pack, unpack_from
from typing import NamedTuple

from isal import isal_zlib

from worker.errors import ArchiveDamaged
from worker.models.archive import CheckedArchive
from worker.packaging.reading.inflate import inflated
from worker.packaging.zip.format import MAX_16, MAX_32
from worker.use_cases.job.ports import Content

#: Bytes asked for at once. Four such blocks are held at most.
BLOCK = 4 << 20

_LOCAL, _CENTRAL = Struct("<4s5H3L2H"), Struct("<4s6H3L5H2L")
_END, _LOCATOR, _END_64 = Struct("<4s4H2LH"), Struct("<4sLQL"), Struct("<4sQ2H2L4Q")
_SIZES_FOLLOW, _ZIP64 = 1 << 3, 0x0001


def check_archive(content: Content) -> CheckedArchive:
    blocks = _Blocks(content)
    end = _end(blocks)
    data, directory = _Cursor(blocks, 0), _Cursor(blocks, end.offset)
    for _ in range(end.members):
        _check_member(data, _central(directory))
    if data.position != end.offset:
        raise ArchiveDamaged(f"bytes at {data.position:,} belong to no member")
    if directory.position != end.offset + end.size:
        raise ArchiveDamaged("its directory is not as long as its end record says")
    for _ in data.pieces(content.size - data.position):
        pass
    crc = b64encode(data.crc.to_bytes(4, "big")).decode()
    return CheckedArchive(members=end.members, checksum=f"CRC32:{crc}")


class _Blocks:
    """The content in aligned blocks, of which the latest two are kept."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self.size = content.size
        self.at = lru_cache(maxsize=2)(self._read)

    def _read(self, number: int) -> bytes:
        start = number * BLOCK
        return self._content.read(start, min(start + BLOCK, self.size))


class _Cursor:
    """Reads onwards from a position. `crc` is of all that it has read."""

    def __init__(self, blocks: _Blocks, position: int) -> None:
        self._blocks = blocks
        self._block = -1, b""  # its own, so that the other cursor's reading does not drop it
        self.position = position
        self.crc = 0

    def pieces(self, size: int) -> Iterator[memoryview]:
        """The next `size` bytes, as they lie in their blocks."""
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
        return b"".join(self.pieces(size))


class _End(NamedTuple):
    members: int
    size: int
    """Of the directory, in bytes."""
    offset: int


def _end(blocks: _Blocks) -> _End:
    at = blocks.size - _END.size
    if at < 0:
        raise ArchiveDamaged(f"{blocks.size:,} bytes are no archive")
    signature, _, _, _, count, size, offset, comment = _END.unpack(
        _Cursor(blocks, at).take(_END.size)
    )
    if signature != b"PK\x05\x06" or comment:
        raise ArchiveDamaged("it does not end as an archive does")
    if count == MAX_16 or MAX_32 in (size, offset):
        return _end_64(blocks, at)
    return _End(count, size, offset)


def _end_64(blocks: _Blocks, end: int) -> _End:
    cursor = _Cursor(blocks, max(0, end - _LOCATOR.size))
    signature, _, offset, _ = _LOCATOR.unpack(cursor.take(_LOCATOR.size))
    if signature != b"PK\x06\x07" or offset > end:
        raise ArchiveDamaged("its end record of 64 bits is missing")
    fields = _END_64.unpack(_Cursor(blocks, offset).take(_END_64.size))
    if fields[0] != b"PK\x06\x06":
        raise ArchiveDamaged("its end record of 64 bits is missing")
    return _End(*fields[-3:])


class _Header(NamedTuple):
    """What both headers of a member say of it."""

    name: bytes
    flags: int
    method: int
    time: int
    date: int
    crc: int
    compressed_size: int
    size: int


class _Central(NamedTuple):
    header: _Header
    offset: int


def _central(directory: _Cursor) -> _Central:
    fields = _CENTRAL.unpack(directory.take(_CENTRAL.size))
    if fields[0] != b"PK\x01\x02":
        raise ArchiveDamaged("its directory holds something else than its members' headers")
    flags, method, time, date, crc, compressed, size, *lengths = fields[3:13]
    name_size, extra_size, comment_size = lengths
    name = directory.take(name_size)
    wide = _zip64(directory.take(extra_size))
    directory.take(comment_size)
    size, compressed, offset = _widened([size, compressed, fields[-1]], wide)
    return _Central(_Header(name, flags, method, time, date, crc, compressed, size), offset)


def _check_member(data: _Cursor, central: _Central) -> None:
    header = central.header
    if central.offset != data.position:
        raise _damaged(header, f"should begin at {central.offset:,}, not {data.position:,}")
    local, is_wide = _local(data)
    streamed = header.flags & _SIZES_FOLLOW
    if local != (header._replace(crc=0, compressed_size=0, size=0) if streamed else header):
        raise _damaged(header, "has another header before its data than in the directory")
    _check_data(data, header)
    if streamed and not _has_descriptor(data, header, is_wide):
        raise _damaged(header, "is not followed by its own sizes")


def _check_data(data: _Cursor, header: _Header) -> None:
    size = crc = 0
    try:
        for piece in inflated(header.method, data.pieces(header.compressed_size)):
            size, crc = size + len(piece), isal_zlib.crc32(piece, crc)
    except ValueError as error:
        raise _damaged(header, f"can't be read: {error}") from error
    if (size, crc) != (header.size, header.crc):
        raise _damaged(header, f"has other data than were packed: {size:,} bytes, CRC-32 {crc:08x}")


def _local(data: _Cursor) -> tuple[_Header, bool]:
    """The header, and whether its sizes have 64 bits."""
    signature, _, flags, method, time, date, crc, compressed, size, name_size, extra_size = (
        _LOCAL.unpack(data.take(_LOCAL.size))
    )
    if signature != b"PK\x03\x04":
        raise ArchiveDamaged(f"no member begins at {data.position - _LOCAL.size:,}")
    name = data.take(name_size)
    wide = _zip64(data.take(extra_size))
    if wide is not None:
        size, compressed = _widened([size, compressed], wide)
    return _Header(name, flags, method, time, date, crc, compressed, size), wide is not None


def _has_descriptor(data: _Cursor, header: _Header, is_wide: bool) -> bool:
    form = "<4sLQQ" if is_wide else "<4sLLL"
    expected = pack(form, b"PK\x07\x08", header.crc, header.compressed_size, header.size)
    return data.take(len(expected)) == expected


def _zip64(extra: bytes) -> bytes | None:
    """The content of Zip64's extra field."""
    at = 0
    while at + 4 <= len(extra):
        kind, size = unpack_from("<2H", extra, at)
        if kind == _ZIP64:
            return extra[at + 4 : at + 4 + size]
        at += 4 + size
    return None


def _widened(fields: list[int], wide: bytes | None) -> list[int]:
    """Those that say "see Zip64", in their order, as they are there."""
    numbers = iter(unpack_from(f"<{len(wide or b'') // 8}Q", wide or b""))
    return [next(numbers, field) if field == MAX_32 else field for field in fields]


def _damaged(header: _Header, what: str) -> ArchiveDamaged:
    return ArchiveDamaged(f"{header.name.decode(errors='backslashreplace')!r:.200} {what}")
