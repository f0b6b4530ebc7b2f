"""The ZIP format's records as bytes, after PKWARE's APPNOTE 6.3.10; no I/O.

https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

import time
from dataclasses import dataclass
from struct import pack

STORED = 0
DEFLATED = 8
#: The largest value of a 32-bit and of a 16-bit field; in the record it says "see Zip64".
MAX_32 = 0xFFFF_FFFF
MAX_16 = 0xFFFF

_VERSION_MADE_BY = 3 << 8 | 63  # Unix, so that readers restore the modes
_VERSION_NEEDED, _VERSION_NEEDED_ZIP64 = 20, 45
_SIZES_FOLLOW, _UTF_8 = 1 << 3, 1 << 11
_ZIP64, _TIMESTAMP = 0x0001, 0x5455
_LOCATOR, _LOCATOR_SIZE = b"PK\x06\x07", 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
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
    extra = _timestamp(member.mtime)
    crc, compressed_size, size = member.crc, member.compressed_size, member.size
    if member.streamed:
        crc = compressed_size = size = 0
    if member.zip64:
        extra = pack("<HHQQ", _ZIP64, 16, size, compressed_size) + extra
        compressed_size = size = MAX_32
    return (
        pack(
            "<4s5H3L2H",
            b"PK\x03\x04",
            _VERSION_NEEDED_ZIP64 if member.zip64 else _VERSION_NEEDED,
            _flags(member),
            member.method,
            *_dos_time(member.mtime),
            crc,
            compressed_size,
            size,
            len(member.name),
            len(extra),
        )
        + member.name
        + extra
    )


def data_descriptor(member: Member) -> bytes:
    form = "<4sLQQ" if member.zip64 else "<4sLLL"
    return pack(form, b"PK\x07\x08", member.crc, member.compressed_size, member.size)


def central_header(member: Member, offset: int) -> bytes:
    """The entry in the central directory; `offset` is where its local header begins."""
    fields = (member.size, member.compressed_size, offset)
    large = [value for value in fields if value >= MAX_32]
    size, compressed_size, offset = (min(value, MAX_32) for value in fields)
    extra = _timestamp(member.mtime)
    if large:
        extra = pack(f"<HH{len(large)}Q", _ZIP64, 8 * len(large), *large) + extra
    is_directory = member.name.endswith(b"/")
    return (
        pack(
            "<4s6H3L5H2L",
            b"PK\x01\x02",
            _VERSION_MADE_BY,
            _VERSION_NEEDED_ZIP64 if large or member.zip64 else _VERSION_NEEDED,
            _flags(member),
            member.method,
            *_dos_time(member.mtime),
            member.crc,
            compressed_size,
            size,
            len(member.name),
            len(extra),
            0,  # comment
            0,  # disk
            0,  # internal attributes
            member.mode << 16 | (0x10 if is_directory else 0),  # 0x10: MS-DOS's directory bit
            offset,
        )
        + member.name
        + extra
    )


def end_records(*, count: int, size: int, offset: int, tail: bytes = b"") -> bytes:
    """What closes the archive: `count` central headers of `size` bytes begin at `offset`.

    `tail` is how they end. Where that reads like Zip64's locator, which some readers look for at a
    fixed distance, the real one keeps them from taking a file's name for it.
    """
    zip64 = b""
    if max(size, offset) >= MAX_32 or count >= MAX_16 or tail[-_LOCATOR_SIZE:].startswith(_LOCATOR):
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


def _flags(member: Member) -> int:
    return (_SIZES_FOLLOW if member.streamed else 0) | (_UTF_8 if _needs_utf_8(member.name) else 0)


def _needs_utf_8(name: bytes) -> bool:
    """Names that are not UTF-8 go in as they are, without the flag, as Info-ZIP does on Unix."""
    if name.isascii():
        return False
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _timestamp(mtime: int) -> bytes:
    """Info-ZIP's extended timestamp: the exact second in UTC, where 32 bits hold it."""
    if not 0 <= mtime < 2**31:  # readers disagree on whether it is signed
        return b""
    return pack("<HHBl", _TIMESTAMP, 5, 1, mtime)


#: 1980-01-01 and 2107-12-31 23:59:58, the ends of MS-DOS's calendar.
_DOS_FIRST, _DOS_LAST = 315_532_800, 4_354_819_198


def _dos_time(mtime: int) -> tuple[int, int]:
    """Time and date as MS-DOS has them, in UTC so that no worker's zone changes the bytes."""
    at = time.gmtime(min(max(mtime, _DOS_FIRST), _DOS_LAST))
    return (
        at.tm_hour << 11 | at.tm_min << 5 | at.tm_sec // 2,
        at.tm_year - 1980 << 9 | at.tm_mon << 5 | at.tm_mday,
    )
