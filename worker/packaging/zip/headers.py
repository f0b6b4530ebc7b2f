"""The headers of one ZIP entry as bytes: before its data, behind them, and in the directory."""

import time
from functools import lru_cache
from struct import Struct, pack
from typing import NamedTuple

from worker.packaging.zip.format import (
    CENTRAL_HEADER,
    DESCRIPTOR,
    LOCAL_HEADER,
    MAX_32,
    SIZES_FOLLOW,
    STORED,
    TIMESTAMP,
    UNIX,
    UTF_8,
    ZIP64,
    ZIP64_DESCRIPTOR,
)

VERSION_MADE_BY = UNIX << 8 | 63
#: The format's versions 2.0 and 4.5, by which readers tell whether they know all of an entry.
VERSION_NEEDED, VERSION_NEEDED_ZIP64 = 20, 45
#: Bytes that all headers of an entry take at most, beside its name, which stands there twice.
ENTRY_OVERHEAD = 30 + 20 + 9 + 24 + 46 + 28 + 9

#: The fields that the local and the central header share, and those behind them in the central one:
#: comment, disk, internal attributes (all 0), attributes and offset.
_SHARED, _CENTRAL_REST = Struct("<5H3L2H"), Struct("<3H2L")
_LOCAL_START = LOCAL_HEADER.signature
_CENTRAL_START = CENTRAL_HEADER.signature + pack("<H", VERSION_MADE_BY)


class ZipEntry(NamedTuple):
    """What the headers tell of one file, directory or link."""

    name: bytes
    """Of a directory with its closing slash."""
    mode: int
    """As in `st_mode`, with the type's bits."""
    mtime: int
    """Seconds since 1970, UTC."""
    method: int = STORED
    crc: int = 0
    compressed_size: int = 0
    size: int = 0
    streamed: bool = False
    """CRC and sizes follow the data in a descriptor, since they were not known before."""
    zip64: bool = False
    """The local header and the descriptor have 64-bit sizes."""


def local_header(entry: ZipEntry) -> bytes:
    """The header before the data."""
    name, _, mtime, method, crc, compressed_size, size, streamed, zip64 = entry
    if streamed:
        crc = compressed_size = size = 0
    wide = b""
    if zip64:
        wide = pack("<HHQQ", ZIP64, 16, size, compressed_size)
        compressed_size = size = MAX_32
    version = VERSION_NEEDED_ZIP64 if zip64 else VERSION_NEEDED
    flags = SIZES_FOLLOW if streamed else 0
    shared, end = _shared(name, mtime, method, crc, compressed_size, size, wide, version, flags)
    return _LOCAL_START + shared + end


def data_descriptor(entry: ZipEntry) -> bytes:
    """CRC and sizes behind the data of a streamed entry."""
    form = ZIP64_DESCRIPTOR if entry.zip64 else DESCRIPTOR
    return form.pack(entry.crc, entry.compressed_size, entry.size)


def central_header(entry: ZipEntry, offset: int) -> bytes:
    """The header in the central directory; the entry's local header begins at `offset`."""
    name, mode, mtime, method, crc, compressed_size, size, streamed, zip64 = entry
    wide = b""
    if max(size, compressed_size, offset) >= MAX_32:
        fields = [value for value in (size, compressed_size, offset) if value >= MAX_32]
        wide = pack(f"<HH{len(fields)}Q", ZIP64, 8 * len(fields), *fields)
        size, compressed_size = min(size, MAX_32), min(compressed_size, MAX_32)
        offset = min(offset, MAX_32)
    version = VERSION_NEEDED_ZIP64 if wide or zip64 else VERSION_NEEDED
    flags = SIZES_FOLLOW if streamed else 0
    shared, end = _shared(name, mtime, method, crc, compressed_size, size, wide, version, flags)
    rest = _CENTRAL_REST.pack(0, 0, 0, _attributes(name, mode), offset)
    return _CENTRAL_START + shared + rest + end


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
    """The local and the central header of an entry that is not streamed and needs no Zip64.

    Equal to those of the functions above in under half of their time: there may be a million.
    """
    shared, end = _shared(name, mtime, method, crc, compressed_size, size)
    rest = _CENTRAL_REST.pack(0, 0, 0, _attributes(name, mode), offset)
    return _LOCAL_START + shared + end, _CENTRAL_START + shared + rest + end


def _shared(  # noqa: PLR0917  as above
    name: bytes,
    mtime: int,
    method: int,
    crc: int,
    compressed_size: int,
    size: int,
    wide: bytes = b"",
    version: int = VERSION_NEEDED,
    flags: int = 0,
) -> tuple[bytes, bytes]:
    """The fields that both headers share, and the name and extra fields that end both.

    `wide` is the Zip64 field.
    """
    dos_time, dos_date, timestamp = _times(mtime)
    if not name.isascii() and _is_utf_8(name):
        flags |= UTF_8
    extra = wide + timestamp
    fields = _SHARED.pack(
        version,
        flags,
        method,
        dos_time,
        dos_date,
        crc,
        compressed_size,
        size,
        len(name),
        len(extra),
    )
    return fields, name + extra


def _attributes(name: bytes, mode: int) -> int:
    """The Unix mode, and MS-DOS's bit for a directory."""
    return mode << 16 | (0x10 if name.endswith(b"/") else 0)


def _is_utf_8(name: bytes) -> bool:
    """Names that are not UTF-8 go in as they are, without the flag, as Info-ZIP does on Unix."""
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


#: 1980-01-01 and 2107-12-31 23:59:58, the ends of MS-DOS's calendar.
_DOS_FIRST, _DOS_LAST = 315_532_800, 4_354_819_198


@lru_cache
def _times(mtime: int) -> tuple[int, int, bytes]:
    """MS-DOS's time and date, and Info-ZIP's extended timestamp, which holds the exact second.

    In UTC, so that no worker's time zone changes the bytes. No timestamp where 32 bits with a sign
    do not hold the time.
    """
    at = time.gmtime(min(max(mtime, _DOS_FIRST), _DOS_LAST))
    held = 0 <= mtime < 2**31  # readers disagree on whether it is signed
    return (
        at.tm_hour << 11 | at.tm_min << 5 | at.tm_sec // 2,
        at.tm_year - 1980 << 9 | at.tm_mon << 5 | at.tm_mday,
        pack("<HHBl", TIMESTAMP, 5, 1, mtime) if held else b"",
    )
