"""Cuts a stream into the equal parts of a multipart upload; no I/O."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

MIB = 1 << 20
#: S3's limits: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MAX_PARTS = 10_000
MAX_PART_SIZE = 5 << 30
#: Bytes of a part unless the archive is so large that it needs more; S3's minimum is 5 MiB.
PART_SIZE = 8 * MIB


def part_size(size_bound: int) -> int:
    """Bytes of each part but the last, so that `size_bound` bytes need 10,000 at most.

    Whole MiB. At most three are held in memory: the one just sent, the next, and the pieces that
    it is joined from. ValueError beyond 48.8 TiB.
    """
    needed = -(-size_bound // MAX_PARTS)
    size = max(PART_SIZE, -(-needed // MIB) * MIB)
    if size > MAX_PART_SIZE:
        raise ValueError(f"an archive of up to {size_bound} bytes is larger than S3 takes")
    return size


def in_parts(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The stream in pieces of `size` bytes; only the last may be shorter."""
    pieces: list[memoryview] = []
    room = size
    for chunk in chunks:
        rest = memoryview(chunk)
        while rest:
            if room == 0:
                yield _joined(pieces)
                room = size
            pieces.append(rest[:room])
            rest = rest[room:]
            room -= len(pieces[-1])
    yield _joined(pieces)


def _joined(pieces: list[memoryview]) -> bytes:
    """The pieces as one, the list emptied: a part that is handed out is not held here too."""
    part = b"".join(pieces)
    pieces.clear()
    return part


class Parts:
    """The parts of a stream, the first two read at once to know whether there is a second."""

    def __init__(self, chunks: Iterable[bytes], size: int) -> None:
        self._following = in_parts(chunks, size)
        self._first = deque(islice(self._following, 2))
        self.is_one = len(self._first) == 1

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return self._first.popleft() if self._first else next(self._following)
