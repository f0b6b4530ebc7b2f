"""Cuts a stream into the equal parts of a multipart upload; no I/O, and no copies."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from isal import isal_zlib

MIB = 1 << 20
#: S3's limits: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MAX_PARTS = 10_000
MIN_PART_SIZE, MAX_PART_SIZE = 5 * MIB, 5 << 30


def part_size(size_bound: int, wanted: int) -> int:
    """Bytes of each part but the last: `wanted`, or so many that 10,000 hold `size_bound`.

    Whole MiB. ValueError beyond 48.8 TiB.
    """
    needed = -(-size_bound // MAX_PARTS)
    size = max(wanted, -(-needed // MIB) * MIB)
    if size > MAX_PART_SIZE:
        raise ValueError(f"an archive of up to {size_bound} bytes is larger than S3 takes")
    return size


@dataclass(slots=True)
class Part:
    pieces: list[memoryview] = field(default_factory=list)
    size: int = 0
    crc: int = 0

    def add(self, piece: memoryview) -> None:
        self.pieces.append(piece)
        self.size += len(piece)
        self.crc = isal_zlib.crc32(piece, self.crc)


def in_parts(chunks: Iterable[bytes | bytearray], size: int) -> Iterator[Part]:
    """The stream in parts of `size` bytes; only the last may be shorter."""
    part = Part()
    for chunk in chunks:
        rest = memoryview(chunk)
        while rest:
            if part.size == size:
                full, part = part, Part()
                yield full
                del full  # what is handed out is not held here too
            room = size - part.size
            part.add(rest[:room])
            rest = rest[room:]
    yield part


class Parts:
    """The parts of a stream, the first two read at once to know whether there is a second."""

    def __init__(self, chunks: Iterable[bytes | bytearray], size: int) -> None:
        self._following = in_parts(chunks, size)
        self._first = deque(islice(self._following, 2))
        self.is_one = len(self._first) == 1

    def __iter__(self) -> Iterator[Part]:
        return self

    def __next__(self) -> Part:
        return self._first.popleft() if self._first else next(self._following)
