"""Cuts a stream into the equal parts of a multipart upload, without copying it."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from isal import isal_zlib

from worker.errors import StorageRefused

MIB = 1 << 20
#: S3's limits: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MAX_PARTS = 10_000
MIN_PART_SIZE, MAX_PART_SIZE = 5 * MIB, 5 << 30


def part_size(size_bound: int, wanted: int) -> int:
    """Bytes of each part but the last: `wanted`, or more if 10,000 of those hold too little.

    `size_bound`: upper bound of the object's size, in bytes. Rounded up to whole MiB.
    StorageRefused if the object may exceed S3's 48.8 TiB.
    """
    needed = -(-size_bound // MAX_PARTS)
    size = max(wanted, -(-needed // MIB) * MIB)
    if size > MAX_PART_SIZE:
        raise StorageRefused(f"an archive of up to {size_bound} bytes is larger than S3 takes")
    return size


@dataclass(slots=True)
class Part:
    pieces: list[memoryview] = field(default_factory=list)
    size: int = 0
    """Bytes."""
    crc: int = 0
    """CRC-32 of the pieces joined."""

    def add(self, piece: memoryview) -> None:
        self.pieces.append(piece)
        self.size += len(piece)
        self.crc = isal_zlib.crc32(piece, self.crc)


def in_parts(chunks: Iterable[bytes | bytearray], size: int) -> Iterator[Part]:
    """Yield the stream in parts of `size` bytes; the last may be shorter, or empty."""
    part = Part()
    for chunk in chunks:
        rest = memoryview(chunk)
        while rest:
            if part.size == size:
                full, part = part, Part()
                yield full
                del full  # a part that was handed out is not held here too
            room = size - part.size
            part.add(rest[:room])
            rest = rest[room:]
    yield part


def peeked(parts: Iterator[Part]) -> tuple[bool, Iterator[Part]]:
    """Whether there is a single part, and the parts. Reads the first two from the stream."""
    first = deque(islice(parts, 2))
    return len(first) == 1, _drained(first, parts)


def _drained(first: deque[Part], rest: Iterator[Part]) -> Iterator[Part]:
    while first:
        yield first.popleft()  # a part that was handed out is not held here too
    yield from rest
