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

    @cached_property
    def _room(self) -> memoryview:
        return memoryview(bytearray(SEGMENT))

    @cached_property
    def _deflate(self) -> SegmentDeflater:
        return SegmentDeflater(SEGMENT, self._level)

    def __call__(self, name: bytes, descriptor: int, offset: int, size: int) -> PackedSegment:
        """The `size` bytes at `offset` of the open file; TreeChanged if they can't be read."""
        try:
            if self._method == ZSTANDARD:
                return self._raw(name, descriptor, offset, size)
            if self._level == STORE or not self._compressible(descriptor, offset, size):
                return self._stored(name, descriptor, offset, size)
            room = self._room[:size]
            require_size(name, size, _filled([room], descriptor, offset))
        except OSError as error:
            raise unreadable(name, error) from error
        return PackedSegment(self._deflate(room), crc32(room), size)

    @staticmethod
    def _compressible(descriptor: int, offset: int, size: int) -> bool:
        samples = [bytearray(SAMPLE) for _ in sample_offsets(size)]
        for sample, at in zip(samples, sample_offsets(size), strict=True):
            _filled([memoryview(sample)], descriptor, offset + at)
        return compressible(samples)

    @staticmethod
    def _raw(name: bytes, descriptor: int, offset: int, size: int) -> PackedSegment:
        data = bytearray(size)
        require_size(name, size, _filled([memoryview(data)], descriptor, offset))
        return PackedSegment(data, crc32(data), size)

    @staticmethod
    def _stored(name: bytes, descriptor: int, offset: int, size: int) -> PackedSegment:
        blocks = StoredBlocks(size)
        require_size(name, size, _filled(blocks.rooms, descriptor, offset))
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
