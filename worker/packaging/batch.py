"""Packs many small members at once, wherever that is done: in a thread or in a helper process."""

import os
from collections.abc import Sequence
from typing import NamedTuple

from worker.packaging.deflate import STORE, compressible, crc32, deflated
from worker.packaging.reading import Identity, read_file, require_unchanged
from worker.packaging.zip_format import (
    DEFLATED,
    STORED,
    ZSTANDARD,
    Member,
    local_header,
    marked_offsets,
    small_central_header,
)

#: Mode, as in `st_mode`, and modification time in whole seconds.
Stamp = tuple[int, int]
#: A directory or a link: name, stamp, and the link's target.
Ready = tuple[bytes, Stamp, bytes]
#: A directory's name with its closing slash, the index of its descriptor, and what it was.
Parent = tuple[bytes, int, Identity]
#: Regular files of one directory: their names, and the sizes that were measured.
Files = tuple[Parent, list[bytes], list[int]]


class PackedBatch(NamedTuple):
    data: bytes
    headers: bytes
    """The central headers, with offsets that count from the beginning of `data`."""
    offset_marks: bytes
    """Where these are, see `marked_offsets`."""
    member_count: int
    file_count: int
    bytes_total: int


def pack_batch(
    items: Sequence[Ready | Files], descriptors: Sequence[int], level: int, method: int = DEFLATED
) -> PackedBatch:
    """The members of these items, in their order; TreeChanged if a file is not as measured."""
    data: list[bytes] = []
    headers: list[bytes] = []
    offset = file_count = bytes_total = 0

    def add(name: bytes, stamp: Stamp, content: bytes) -> None:
        nonlocal offset
        member, body = _packed(name, stamp, content, level, method)
        header = local_header(member)
        data.extend((header, body))
        headers.append(small_central_header(header, member, offset))
        offset += len(header) + len(body)

    for item in items:
        if isinstance(item[0], bytes):
            add(*item)
            continue
        (directory, index, before), bases, sizes = item
        parent = descriptors[index]
        for base, size in zip(bases, sizes, strict=True):
            name = directory + base
            content, status = read_file(name, base, parent, size)
            add(name, stamp(status), content)
        require_unchanged(directory, before, parent)
        file_count += len(bases)
        bytes_total += sum(sizes)
    return PackedBatch(
        data=b"".join(data),
        headers=b"".join(headers),
        offset_marks=marked_offsets(headers),
        member_count=len(headers),
        file_count=file_count,
        bytes_total=bytes_total,
    )


def stamp(status: os.stat_result) -> Stamp:
    return status.st_mode & 0xFFFF, status.st_mtime_ns // 1_000_000_000


def _packed(
    name: bytes, stamp: Stamp, content: bytes, level: int, method: int
) -> tuple[Member, bytes]:
    """A member that is known as a whole, and its body: compressed if that makes it smaller."""
    mode, mtime = stamp
    body = content
    if content and level != STORE and compressible(content):
        body = _compressed(content, level, method)
    if len(body) >= len(content):
        method, body = STORED, content
    return Member(name, mode, mtime, method, crc32(content), len(body), len(content)), body


def _compressed(content: bytes, level: int, method: int) -> bytes:
    if method == ZSTANDARD:
        from worker.packaging.zstandard import compressed  # noqa: PLC0415  an extra, seldom there

        return compressed(content, level)
    return deflated(content, level)
