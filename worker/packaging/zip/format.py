"""The ZIP format's records as bytes, after PKWARE's APPNOTE 6.3.10; no I/O.

https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

import time
from collections.abc import Iterable
from functools import lru_cache
from struct import Struct, pack
from typing import NamedTuple

STORED = 0
DEFLATED = 8
#: The largest value of a 32-bit and of a 16-bit field; in the record it says "see Zip64".
MAX_32 = 0xFFFF_FFFF
MAX_16 = 0xFFFF

_VERSION_MADE_BY = 3 << 8 | 63  # Unix, so that readers restore the modes
_VERSION_NEEDED, _VERSION_NEEDED_ZIP64 = 20, 45
_SIZES_FOLLOW, _UTF_8 = 1 << 3, 1 << 11
_ZIP64, TIMESTAMP = 0x0001, 0x5455
_LOCATOR, LOCATOR_SIZE = b"PK\x06\x07", 20
_LOCAL, _CENTRAL = Struct("<4s5H3L2H"), Struct("<4s6H3L5H2L")
#: Both headers of a member have these fields; what stands around them.
_COMMON = Struct("<5H3L2H")
_LOCAL_START, _CENTRAL_START = b"PK\x03\x04", pack("<4sH", b"PK\x01\x02", _VERSION_MADE_BY)
_CENTRAL_REST = Struct("<3H2L")
#: Of a central header: lengths of the name and of the extra fields, and the offset.
_LENGTHS_AT, _LENGTHS_AND_OFFSET = 28, Struct("<2H10xL")
_OFFSET_AT, _OFFSET = 42, Struct("<L")
_MARK = bytes(_OFFSET_AT) + b"\x01"


class Member(NamedTuple):
    """One entry. `streamed`: its CRC and sizes follow its data, since they were not known before.
    `zip64`: that descriptor has 64-bit sizes.
    """

    name: bytes
    mode: int
    """As in `st_mode`, with the type's bits."""
    mtime: int
    """Seconds since 1970, UTC."""
    method: int = STORED
    crc: int = 0
    compressed_size: int = 0
    size: int = 0
    streamed: bool = False
    zip64: bool = False


def local_header(member: Member) -> bytes:
    name, _, mtime, method, crc, compressed_size, size, streamed, zip64 = member
    dos_time, dos_date, extra = _times(mtime)
    if streamed:
        crc = compressed_size = size = 0
    if zip64:
        extra = pack("<HHQQ", _ZIP64, 16, size, compressed_size) + extra
        compressed_size = size = MAX_32
    fixed = _LOCAL.pack(
        b"PK\x03\x04",
        _version_needed(zip64=zip64),
        _flags(name, streamed=streamed),
        method,
        dos_time,
        dos_date,
        crc,
        compressed_size,
        size,
        len(name),
        len(extra),
    )
    return fixed + name + extra


def small_headers(  # noqa: PLR0917  names cost a tenth of it
    name: bytes,
    mode: int,
    mtime: int,
    method: int,
    crc: int,
    compressed_size: int,
    size: int,
    offset: int,
) -> tuple[bytes, bytes]:
    """The local and the central header of a member that needs no Zip64 and is not streamed.

    The same as in general, at a third of the time: there may be a million of them.
    """
    dos_time, dos_date, extra = _times(mtime)
    common = _COMMON.pack(
        _VERSION_NEEDED,
        0 if name.isascii() else _flags(name, streamed=False),
        method,
        dos_time,
        dos_date,
        crc,
        compressed_size,
        size,
        len(name),
        len(extra),
    )
    end = name + extra
    rest = _CENTRAL_REST.pack(0, 0, 0, _attributes(name, mode), offset)
    return _LOCAL_START + common + end, _CENTRAL_START + common + rest + end


def data_descriptor(member: Member) -> bytes:
    form = "<4sLQQ" if member.zip64 else "<4sLLL"
    return pack(form, b"PK\x07\x08", member.crc, member.compressed_size, member.size)


def central_header(member: Member, offset: int) -> bytes:
    """The entry in the central directory; `offset` is where its local header begins."""
    dos_time, dos_date, extra = _times(member.mtime)
    size, compressed_size, large = member.size, member.compressed_size, False
    if max(size, compressed_size, offset) >= MAX_32:
        fields = [value for value in (size, compressed_size, offset) if value >= MAX_32]
        extra = pack(f"<HH{len(fields)}Q", _ZIP64, 8 * len(fields), *fields) + extra
        size, compressed_size = min(size, MAX_32), min(compressed_size, MAX_32)
        offset, large = min(offset, MAX_32), True
    return (
        _CENTRAL.pack(
            b"PK\x01\x02",
            _VERSION_MADE_BY,
            _version_needed(zip64=large or member.zip64),
            _flags(member.name, streamed=member.streamed),
            member.method,
            dos_time,
            dos_date,
            member.crc,
            compressed_size,
            size,
            len(member.name),
            len(extra),
            0,  # comment
            0,  # disk
            0,  # internal attributes
            _attributes(member.name, member.mode),
            offset,
        )
        + member.name
        + extra
    )


def marked_offsets(headers: Iterable[bytes]) -> bytes:
    """As many bytes as these central headers have, zeros but for a 1 where an offset begins."""
    marks = bytearray()
    for header in headers:
        marks += _MARK
        marks += bytes(len(header) - len(_MARK))
    return bytes(marks)


def relocated(headers: bytes, marks: bytes, base: int, farthest: int) -> bytes:
    """Central headers with offsets that count from `base`, made to count from the archive's start.

    Their offsets, `farthest` at most, and their sizes must not need Zip64 yet.
    """
    if base + farthest >= MAX_32:
        return _relocated_far(headers, base)
    # One addition for all of them: no sum is carried beyond its four bytes
    moved = int.from_bytes(headers, "little") + base * int.from_bytes(marks, "little")
    return moved.to_bytes(len(headers), "little")


def _relocated_far(headers: bytes, base: int) -> bytes:
    moved: list[bytes] = []
    end = 0
    while end < len(headers):
        start = end
        name_size, extra_size, offset = _LENGTHS_AND_OFFSET.unpack_from(
            headers, start + _LENGTHS_AT
        )
        end = start + _CENTRAL.size + name_size + extra_size
        moved.append(_with_offset(headers[start:end], extra_size, base + offset))
    return b"".join(moved)


def _with_offset(header: bytes, extra_size: int, offset: int) -> bytes:
    if offset >= MAX_32:
        return _with_zip64(header, extra_size, offset)
    return header[:_OFFSET_AT] + _OFFSET.pack(offset) + header[_CENTRAL.size :]


def _with_zip64(header: bytes, extra_size: int, offset: int) -> bytes:
    """The central header with an offset that needs 64 bits."""
    extra = pack("<HHQ", _ZIP64, 8, offset)
    name_end = len(header) - extra_size
    return (
        header[:6]
        + pack("<H", _VERSION_NEEDED_ZIP64)
        + header[8:30]
        + pack("<H", extra_size + len(extra))
        + header[32:_OFFSET_AT]
        + _OFFSET.pack(MAX_32)
        + header[_CENTRAL.size : name_end]
        + extra
        + header[name_end:]
    )


def end_records(*, count: int, size: int, offset: int, tail: bytes = b"") -> bytes:
    """What closes the archive: `count` central headers of `size` bytes begin at `offset`.

    `tail` is how they end. Where that reads like Zip64's locator, which some readers look for at a
    fixed distance, the real one keeps them from taking a file's name for it.
    """
    zip64 = b""
    if max(size, offset) >= MAX_32 or count >= MAX_16 or tail[-LOCATOR_SIZE:].startswith(_LOCATOR):
        zip64 = pack(
            "<4sQ2H2L4Q",
            b"PK\x06\x06",
            44,  # bytes of this record behind this field
            _VERSION_MADE_BY,
            _VERSION_NEEDED_ZIP64,
            0,
            0,
            count,
            count,
            size,
            offset,
        ) + pack("<4sLQL", _LOCATOR, 0, offset + size, 1)
    count_16 = min(count, MAX_16)
    return zip64 + pack(
        "<4s4H2LH",
        b"PK\x05\x06",
        0,
        0,
        count_16,
        count_16,
        min(size, MAX_32),
        min(offset, MAX_32),
        0,
    )


#: More bytes than any member's records have beside its name (twice) and its data.
MEMBER_OVERHEAD = 30 + 20 + 9 + 24 + 46 + 28 + 9
#: More bytes than the end records have.
END_OVERHEAD = 56 + 20 + 22


def _version_needed(*, zip64: bool) -> int:
    return _VERSION_NEEDED_ZIP64 if zip64 else _VERSION_NEEDED


def _flags(name: bytes, *, streamed: bool) -> int:
    utf_8 = not name.isascii() and _is_utf_8(name)
    return (_SIZES_FOLLOW if streamed else 0) | (_UTF_8 if utf_8 else 0)


def _is_utf_8(name: bytes) -> bool:
    """Names that are not UTF-8 go in as they are, without the flag, as Info-ZIP does on Unix."""
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _attributes(name: bytes, mode: int) -> int:
    return mode << 16 | (0x10 if name.endswith(b"/") else 0)  # MS-DOS's directory bit


#: 1980-01-01 and 2107-12-31 23:59:58, the ends of MS-DOS's calendar.
_DOS_FIRST, _DOS_LAST = 315_532_800, 4_354_819_198


@lru_cache
def _times(mtime: int) -> tuple[int, int, bytes]:
    """MS-DOS's time and date, in UTC so that no worker's zone changes the bytes, and Info-ZIP's
    extended timestamp: the exact second in UTC, where 32 bits hold it."""
    at = time.gmtime(min(max(mtime, _DOS_FIRST), _DOS_LAST))
    held = 0 <= mtime < 2**31  # readers disagree on whether it is signed
    return (
        at.tm_hour << 11 | at.tm_min << 5 | at.tm_sec // 2,
        at.tm_year - 1980 << 9 | at.tm_mon << 5 | at.tm_mday,
        pack("<HHBl", TIMESTAMP, 5, 1, mtime) if held else b"",
    )
