"""Cuts a stream into the equal parts of a multipart upload; no I/O."""

from collections.abc import Iterable, Iterator

MIB = 1 << 20
#: S3's limits: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MAX_PARTS = 10_000
MAX_PART_SIZE = 5 << 30
#: Bytes of a part unless the archive is so large that it needs more; S3's minimum is 5 MiB.
PART_SIZE = 8 * MIB


def part_size(size_bound: int) -> int:
    """Bytes of each part but the last, so that `size_bound` bytes need 10,000 at most.

    Whole MiB. Two such parts are held in memory. ValueError beyond 48.8 TiB.
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
                yield b"".join(pieces)
                pieces, room = [], size
            pieces.append(rest[:room])
            rest = rest[room:]
            room -= len(pieces[-1])
    yield b"".join(pieces)
