"""Packs a segment of a large file: what one thread does while others do the next ones."""

import os
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from worker.packaging.deflate import (
    SAMPLE,
    STORE,
    SegmentDeflater,
    compressible,
    crc32,
    sample_offsets,
)
from worker.packaging.reading import require_size, unreadable
from worker.packaging.stored_blocks import StoredBlocks
from worker.packaging.zip_format import DEFLATED, ZSTANDARD

#: Bytes of a file that are deflated by themselves; files of up to as many are packed whole.
SEGMENT = 1 << 20


class PackedSegment(NamedTuple):
    data: bytes | bytearray
    """Blocks of a deflate stream, none of them its last; for Zstandard the bytes as they are."""
    crc: int
    size: int
    """Bytes of the file."""


class SegmentPacker:
    """Not to be shared between threads: it keeps its buffers."""

    def __init__(self, level: int, method: int = DEFLATED) -> None:
        self._level = level
        self._method = method
        self._stores = level == STORE
        """Whether the next segment is likely to be stored: then it is read in between the headers
        of its blocks, and otherwise to where it is deflated from. A wrong guess reads it again.
        """

    @cached_property
    def _room(self) -> memoryview:
        return memoryview(bytearray(1 + SEGMENT))

    @cached_property
    def _deflate(self) -> SegmentDeflater:
        return SegmentDeflater(SEGMENT, self._level)

    def __call__(self, name: bytes, descriptor: int, offset: int, size: int) -> PackedSegment:
        """The `size` bytes at `offset` of the open file; TreeChanged if they can't be read."""
        try:
            if self._method == ZSTANDARD:
                return self._raw(name, descriptor, offset, size)
            if self._stores and (stored := self._stored(name, descriptor, offset, size)):
                return stored
            start = max(0, offset - 1)  # with the byte before it
            room = self._room[: offset + size - start]
            require_size(name, len(room), _filled([room], descriptor, start))
            before, data = bytes(room[: offset - start]), room[offset - start :]
            self._stores = not compressible([data[at : at + SAMPLE] for at in sample_offsets(size)])
            if self._stores and (stored := self._stored(name, descriptor, offset, size)):
                return stored
        except OSError as error:
            raise unreadable(name, error) from error
        return PackedSegment(*self._deflate(data, before), size)

    @staticmethod
    def _raw(name: bytes, descriptor: int, offset: int, size: int) -> PackedSegment:
        data = bytearray(size)
        require_size(name, size, _filled([memoryview(data)], descriptor, offset))
        return PackedSegment(data, crc32(data), size)

    def _stored(self, name: bytes, descriptor: int, offset: int, size: int) -> PackedSegment | None:
        """None if it would compress."""
        blocks = StoredBlocks(size)
        require_size(name, size, _filled(blocks.rooms, descriptor, offset))
        if self._level != STORE and compressible(
            [blocks.part(at, SAMPLE) for at in sample_offsets(size)]
        ):
            return None
        crc = 0
        for room in blocks.rooms:
            crc = crc32(room, crc)
        return PackedSegment(blocks.buffer, crc, size)


def _filled(rooms: Sequence[memoryview], descriptor: int, offset: int) -> int:
    """The bytes read into these rooms; fewer than they hold only at the file's end."""
    done = os.preadv(descriptor, rooms, offset)
    total = sum(map(len, rooms))
    while 0 < done < total:
        rest = _from(rooms, done)
        more = os.preadv(descriptor, rest, offset + done)
        if not more:
            break
        done += more
    return done


def _from(rooms: Sequence[memoryview], done: int) -> list[memoryview]:
    """The rooms without their first `done` bytes."""
    rest = []
    for room in rooms:
        if done < len(room):
            rest.append(room[done:])
        done = max(0, done - len(room))
    return rest
