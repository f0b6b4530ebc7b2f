"""Packs a segment of a large file, while other threads pack the next ones."""

import os
from functools import cached_property
from struct import Struct
from typing import NamedTuple

from isal.isal_zlib import crc32

from worker.packaging.tree.changes import require_size, translated_os_errors
from worker.packaging.zip.deflate import STORE, Deflater, compressible

#: Bytes of a file that are deflated by themselves; files of up to as many are packed whole.
SEGMENT = 1 << 20
#: RFC 1951, 3.2.4: the most bytes of one stored block in a deflate stream.
BLOCK = 0xFFFF
_HEADER = Struct("<BHH")


class PackedSegment(NamedTuple):
    data: bytes | bytearray
    """Blocks of a deflate stream, none of them its last."""
    crc: int
    """Of the file's bytes."""
    size: int
    """Bytes of the file."""


class SegmentPacker:
    """Packs one segment after the other. It keeps its buffers: one thread at a time may use it."""

    def __init__(self, level: int) -> None:
        self._level = level

    @cached_property
    def _room(self) -> memoryview:
        return memoryview(bytearray(1 + SEGMENT))

    @cached_property
    def _deflate(self) -> Deflater:
        return Deflater(SEGMENT, self._level)

    def __call__(self, name: bytes, descriptor: int, offset: int, size: int) -> PackedSegment:
        """Pack the `size` bytes at `offset` of the open file; TreeChanged if they can't be read.

        Whether they are deflated depends on these bytes alone, so that the same tree gives the same
        archive.
        """
        start = max(0, offset - 1)  # with the byte before it
        room = self._room[: offset + size - start]
        with translated_os_errors(name):
            found = _filled(room, descriptor, start)
        require_size(name, len(room), found)
        before, data = bytes(room[: offset - start]), room[offset - start :]
        if self._level != STORE and compressible(data):
            return PackedSegment(*self._deflate.segment(data, before), size)
        return PackedSegment(stored_blocks(data), crc32(data), size)


def stored_blocks(data: memoryview) -> bytes:
    """The data as they are, in blocks of a deflate stream; others may follow."""
    pieces: list[bytes | memoryview] = []
    for at in range(0, len(data), BLOCK):
        block = data[at : at + BLOCK]
        pieces += _HEADER.pack(0, len(block), len(block) ^ BLOCK), block
    return b"".join(pieces)


def _filled(room: memoryview, descriptor: int, offset: int) -> int:
    """Read into the room; how many bytes, which are fewer than it holds only at the file's end."""
    done = 0
    while done < len(room) and (more := os.preadv(descriptor, [room[done:]], offset + done)):
        done += more
    return done
