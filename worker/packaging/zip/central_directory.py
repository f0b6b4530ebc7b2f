"""The central directory, with which an archive ends: one header for each entry, and end records."""

from collections.abc import Iterable, Iterator
from struct import Struct, pack

from worker.packaging.spool import Spool
from worker.packaging.zip.format import (
    CENTRAL_HEADER,
    END_RECORD,
    MAX_16,
    MAX_32,
    ZIP64,
    ZIP64_END_RECORD,
    ZIP64_LOCATOR,
)
from worker.packaging.zip.headers import (
    VERSION_MADE_BY,
    VERSION_NEEDED_ZIP64,
    ZipEntry,
    central_header,
)

#: Bytes that the end records take at most.
END_OVERHEAD = ZIP64_END_RECORD.size + ZIP64_LOCATOR.size + END_RECORD.size

#: Where a central header has the lengths of its name and extra fields, and where its offset.
_LENGTHS_AT, _LENGTHS_AND_OFFSET = 28, Struct("<2H10xL")
_OFFSET_AT, _OFFSET = 42, Struct("<L")
_MARK = bytes(_OFFSET_AT) + b"\x01"


class CentralDirectory:
    """Collects the headers, compressed while they wait, since most of a name repeats the last."""

    def __init__(self) -> None:
        self._headers = Spool()
        self._count = 0
        self._tail = b""

    def add(self, entry: ZipEntry, offset: int) -> None:
        """Append the header of an entry whose local header begins at `offset`."""
        self._append(central_header(entry, offset), 1)

    def extend(self, headers: bytes, offset_marks: bytes, count: int, base: int, size: int) -> None:
        """Append the headers of `count` entries that take `size` bytes of the archive from `base`.

        Their offsets count from the first of these bytes, see `marked_offsets`.
        """
        self._append(relocated(headers, offset_marks, base, size), count)

    def _append(self, headers: bytes, count: int) -> None:
        self._headers.append(headers)
        self._count += count
        self._tail = headers[-ZIP64_LOCATOR.size :]

    def closing(self, offset: int) -> Iterator[bytes]:
        """Yield the directory, which begins at `offset`, and the end records. Single use."""
        yield from self._headers
        yield end_records(
            count=self._count, size=self._headers.size, offset=offset, tail=self._tail
        )


def marked_offsets(headers: Iterable[bytes]) -> bytes:
    """As many bytes as these central headers have, all 0 but a 1 where each offset begins."""
    marks = bytearray()
    for header in headers:
        marks += _MARK
        marks += bytes(len(header) - len(_MARK))
    return bytes(marks)


def relocated(headers: bytes, marks: bytes, base: int, farthest: int) -> bytes:
    """Central headers with `base` added to their offsets, of which none exceeds `farthest`.

    None of the headers may have a Zip64 field yet.
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
        end = start + CENTRAL_HEADER.size + name_size + extra_size
        moved.append(_with_offset(headers[start:end], extra_size, base + offset))
    return b"".join(moved)


def _with_offset(header: bytes, extra_size: int, offset: int) -> bytes:
    if offset >= MAX_32:
        return _with_zip64(header, extra_size, offset)
    return header[:_OFFSET_AT] + _OFFSET.pack(offset) + header[CENTRAL_HEADER.size :]


def _with_zip64(header: bytes, extra_size: int, offset: int) -> bytes:
    extra = pack("<HHQ", ZIP64, 8, offset)
    name_end = len(header) - extra_size
    return (
        header[:6]
        + pack("<H", VERSION_NEEDED_ZIP64)
        + header[8:30]
        + pack("<H", extra_size + len(extra))
        + header[32:_OFFSET_AT]
        + _OFFSET.pack(MAX_32)
        + header[CENTRAL_HEADER.size : name_end]
        + extra
        + header[name_end:]
    )


def end_records(*, count: int, size: int, offset: int, tail: bytes = b"") -> bytes:
    """The records behind `count` central headers, which take `size` bytes from `offset` on.

    `tail` is how the headers end. Some readers look for the Zip64 locator at a fixed distance from
    the end; where a file's name reads like one, the real one keeps them from being misled.
    """
    is_misleading = tail[-ZIP64_LOCATOR.size :].startswith(ZIP64_LOCATOR.signature)
    zip64 = b""
    if max(size, offset) >= MAX_32 or count >= MAX_16 or is_misleading:
        zip64 = _zip64_end_records(count, size, offset)
    count_16, size_32, offset_32 = min(count, MAX_16), min(size, MAX_32), min(offset, MAX_32)
    return zip64 + END_RECORD.pack(0, 0, count_16, count_16, size_32, offset_32, 0)


def _zip64_end_records(count: int, size: int, offset: int) -> bytes:
    bytes_behind = ZIP64_END_RECORD.size - 12  # the signature and this field itself
    versions = VERSION_MADE_BY, VERSION_NEEDED_ZIP64
    record = ZIP64_END_RECORD.pack(bytes_behind, *versions, 0, 0, count, count, size, offset)
    return record + ZIP64_LOCATOR.pack(0, offset + size, 1)
