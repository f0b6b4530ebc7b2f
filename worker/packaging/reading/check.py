"""Checks a stored archive against itself: every member's data, and both headers of each.

The archive is read once from front to back, with a second look at its directory, in bounded memory
however large it is and however many members it has. Python's zipfile holds the whole directory
(700 MiB for a million members), and sees no gap between members, no local header or descriptor that
contradicts the directory. Stricter than readers are: members lie one behind the other in the
directory's order, and nothing lies between them, as all writers of streams leave it.
"""

from base64 import b64encode
from collections.abc import Iterator

from isal import isal_zlib

from worker.errors import ArchiveDamaged
from worker.models.archive import CheckedArchive
from worker.packaging.reading.records import (
    Blocks,
    Cursor,
    Header,
    Read,
    read_central,
    read_end,
    read_local,
)
from worker.packaging.zip.format import DEFLATED, DESCRIPTOR, SIZES_FOLLOW, STORED, ZIP64_DESCRIPTOR

#: Bytes that are inflated at once, however well they were compressed.
PIECE = 1 << 20
_RAW = -15


def check_archive(size: int, read: Read) -> CheckedArchive:
    """Count the members and take the CRC-32 of the whole; ArchiveDamaged if anything is wrong.

    `size`: bytes of the archive.
    """
    blocks = Blocks(size, read)
    member_count, directory_size, end = read_end(blocks)
    data, directory = Cursor(blocks, 0), Cursor(blocks, end)
    for _ in range(member_count):
        _check_member(data, *read_central(directory))
    if data.position != end:
        raise ArchiveDamaged(f"bytes at {data.position:,} belong to no member")
    if directory.position != end + directory_size:
        raise ArchiveDamaged("its directory is not as long as its end record says")
    for _ in data.pieces(size - data.position):
        pass
    crc = b64encode(data.crc.to_bytes(4, "big")).decode()
    return CheckedArchive(members=member_count, checksum=f"CRC32:{crc}")


def _check_member(data: Cursor, header: Header, offset: int) -> None:
    """Check the member that begins where the data stand by its header in the directory."""
    if offset != data.position:
        raise _damaged(header, f"should begin at {offset:,}, not {data.position:,}")
    local, is_wide = read_local(data)
    streamed = header.flags & SIZES_FOLLOW
    if local != (header._replace(crc=0, compressed_size=0, size=0) if streamed else header):
        raise _damaged(header, "has another header before its data than in the directory")
    _check_data(data, header)
    if streamed and not _has_descriptor(data, header, is_wide):
        raise _damaged(header, "is not followed by its own sizes")


def _check_data(data: Cursor, header: Header) -> None:
    size = crc = 0
    try:
        for piece in _inflated(header.method, data.pieces(header.compressed_size)):
            size, crc = size + len(piece), isal_zlib.crc32(piece, crc)
    except ValueError as error:
        raise _damaged(header, f"can't be read: {error}") from error
    if (size, crc) != (header.size, header.crc):
        raise _damaged(header, f"has other data than were packed: {size:,} bytes, CRC-32 {crc:08x}")


def _inflated(method: int, pieces: Iterator[memoryview]) -> Iterator[bytes | memoryview]:
    """The data as they were packed. ValueError unless one stream ends where the pieces do."""
    if method == STORED:
        yield from pieces
        return
    if method != DEFLATED:
        raise ValueError(f"compression method {method} is not known here")
    stream = isal_zlib.decompressobj(_RAW)
    try:
        for piece in pieces:
            left: bytes | memoryview = piece
            while left and not stream.eof:
                yield stream.decompress(left, PIECE)
                left = stream.unconsumed_tail
            if left or stream.unused_data:
                raise ValueError("more follows behind its stream")
        yield stream.flush()
    except isal_zlib.IsalError as error:  # type: ignore[misc]  # a class, whatever its stub says
        raise ValueError(str(error)) from error
    if not stream.eof:
        raise ValueError("its stream does not end")


def _has_descriptor(data: Cursor, header: Header, is_wide: bool) -> bool:
    form = ZIP64_DESCRIPTOR if is_wide else DESCRIPTOR
    expected = form.pack(header.crc, header.compressed_size, header.size)
    return data.take(len(expected)) == expected


def _damaged(header: Header, what: str) -> ArchiveDamaged:
    return ArchiveDamaged(f"{header.name.decode(errors='backslashreplace')!r:.200} {what}")
