"""Packs a segment of a large file: what one thread does while others do the next ones."""

import os
from functools import cached_property
from typing import NamedTuple

from worker.packaging.tree.files import require_size, unreadable
from worker.packaging.zip.deflate import (
    STORE,
    Deflater,
    compressible,
    crc32,
)
from worker.packaging.zip.stored_blocks import stored_blocks

#: Bytes of a file that are deflated by themselves; files of up to as many are packed whole.
SEGMENT = 1 << 20


class PackedSegment(NamedTuple):
    data: bytes | bytearray
    """Blocks of a deflate stream, none of them its last."""
    crc: int
    size: int
    """Bytes of the file."""


class SegmentPacker:
    """Not to be shared between threads: it keeps its buffers."""

    def __init__(self, level: int) -> None:
        self._level = level

    @cached_property
    def _room(self) -> memoryview:
        return memoryview(bytearray(1 + SEGMENT))

    @cached_property
    def _deflate(self) -> Deflater:
        return Deflater(SEGMENT, self._level)

    def __call__(self, name: bytes, descriptor: int, offset: int, size: int) -> PackedSegment:
        """The `size` bytes at `offset` of the open file; TreeChanged if they can't be read."""
        try:
            start = max(0, offset - 1)  # with the byte before it
            room = self._room[: offset + size - start]
            require_size(name, len(room), _filled(room, descriptor, start))
        except OSError as error:
            raise unreadable(name, error) from error
        before, data = bytes(room[: offset - start]), room[offset - start :]
        if self._compresses(data):
            return PackedSegment(*self._deflate.segment(data, before), size)
        return PackedSegment(stored_blocks(data), crc32(data), size)

    def _compresses(self, data: memoryview) -> bool:
        """By its content alone: what other threads saw must not change the archive."""
        return self._level != STORE and compressible(data)


def _filled(room: memoryview, descriptor: int, offset: int) -> int:
    """The bytes read into the room; fewer than it holds only at the file's end."""
    done = 0
    while done < len(room) and (more := os.preadv(descriptor, [room[done:]], offset + done)):
        done += more
    return done
