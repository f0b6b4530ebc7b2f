"""What no packager on two cores gets below: the same bytes touched, with nothing around that."""

import argparse
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from isal.isal_zlib import _ParallelCompress, crc32

from benchmarks.output import give
from benchmarks.sink.client import RawClient, created, part_path
from benchmarks.text import MIB

WORKERS = 2
#: ISA-L's level, the packager's own.
LEVEL = 1
#: Room for what a MiB becomes should it not compress.
ROOM = MIB + MIB // 8
#: More than any small file has.
SMALL = 16 << 10
PIECES_OF_A_PART = 8

Piece = tuple[int, int, int]
"""A descriptor, and the offset and size of up to a MiB in its file."""


def deflating(run: Path) -> dict[str, Any]:
    """Threads read, checksum and deflate a MiB at a time, whichever is next."""
    following = iter(list(_pieces(run)))  # a list's iterator may be shared by threads

    def work() -> int:
        buffer = bytearray(MIB)
        view, deflate = memoryview(buffer), _ParallelCompress(ROOM, LEVEL).compress_and_crc
        deflated = 0
        for descriptor, offset, _ in following:
            read = os.preadv(descriptor, [buffer], offset)
            deflated += len(deflate(view[:read], b"")[0])
        return deflated

    return _timed(work)


def sending(run: Path, port: int) -> dict[str, Any]:
    """Threads read, checksum twice and send 8 MiB at a time, each on a connection of its own."""
    pieces = list(_pieces(run))
    parts = [pieces[at : at + PIECES_OF_A_PART] for at in range(0, len(pieces), PIECES_OF_A_PART)]
    following = iter(list(enumerate(parts, 1)))
    with RawClient(port) as client:
        upload_id = created(client, "floor")

    def work() -> int:
        buffer = bytearray(MIB)
        sent = 0
        with RawClient(port) as client:
            for number, part in following:
                length = sum(size for _, _, size in part)
                client.request(
                    "PUT", part_path("floor", number, upload_id), _read(part, buffer), length
                )
                sent += length
        return sent

    return _timed(work)


def small_files(run: Path) -> dict[str, Any]:
    """Processes open, read, close and deflate their share of files that are known beforehand."""
    os.chdir(run)
    names = [str(path.relative_to(run)) for path in sorted(run.rglob("*")) if path.is_file()]
    reading, writing = os.pipe()
    began = time.perf_counter()
    children = [_forked(names[worker::WORKERS], writing) for worker in range(WORKERS)]
    os.close(writing)
    with os.fdopen(reading, encoding="ascii") as results:
        size = sum(map(int, results))
    seconds = time.perf_counter() - began
    if any(os.waitpid(child, 0)[1] for child in children):
        raise ChildProcessError("a process of the floor failed")
    return {"seconds": seconds, "size": size}


def _pieces(run: Path) -> Iterator[Piece]:
    for path in sorted(run.rglob("*")):
        if path.is_file():
            descriptor, size = os.open(path, os.O_RDONLY), path.stat().st_size
            yield from ((descriptor, at, min(MIB, size - at)) for at in range(0, size, MIB))


def _read(part: list[Piece], buffer: bytearray) -> Iterator[memoryview]:
    member = body = 0
    for descriptor, offset, size in part:
        view = memoryview(buffer)[:size]
        os.preadv(descriptor, [view], offset)
        member, body = crc32(view, member), crc32(view, body)
        yield view


def _timed(work: Callable[[], int]) -> dict[str, Any]:
    with ThreadPoolExecutor(WORKERS) as pool:
        began = time.perf_counter()
        size = sum(pool.map(lambda _: work(), range(WORKERS)))
        return {"seconds": time.perf_counter() - began, "size": size}


def _forked(names: list[str], writing: int) -> int:
    if child := os.fork():
        return child
    status = 1
    try:
        os.write(writing, f"{_deflated(names)}\n".encode())
        status = 0
    finally:
        os._exit(status)


def _deflated(names: list[str]) -> int:
    buffer = bytearray(SMALL)
    view, deflate = memoryview(buffer), _ParallelCompress(2 * SMALL, LEVEL).compress_and_crc
    deflated = 0
    for name in names:
        descriptor = os.open(name, os.O_RDONLY)
        read = os.readv(descriptor, [buffer])
        os.close(descriptor)
        deflated += len(deflate(view[:read], b"")[0])
    return deflated


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.floors", description=__doc__)
    parser.add_argument("floor", choices=["deflating", "small-files", "sending"])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--port", type=int, help="the sink's, to send to")
    options = parser.parse_args()
    match options.floor:
        case "deflating":
            give(deflating(options.directory))
        case "small-files":
            give(small_files(options.directory))
        case _:
            give(sending(options.directory, options.port))


if __name__ == "__main__":
    main()
