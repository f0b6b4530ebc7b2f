"""A request's body: counted, checked and forgotten, or the few bytes of a list of parts."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from benchmarks.sink.checksums import Checksums
from benchmarks.sink.connection import Connection, Head


class Source(Protocol):
    """Bytes to come, a line at a time or so many."""

    def line(self) -> bytes: ...
    def pieces(self, size: int) -> Iterator[memoryview]: ...


class Chunked:
    """What is within HTTP's own chunks, in which botocore may wrap the aws-chunked ones."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._left = 0
        self._began = False

    def line(self) -> bytes:
        line = b""
        while not line.endswith(b"\r\n"):
            line += bytes(next(self.pieces(1)))
        return line[:-2]

    def pieces(self, size: int) -> Iterator[memoryview]:
        while size:
            if not self._left:
                self._left = self._following()
            for piece in self._connection.pieces(min(size, self._left)):
                self._left -= len(piece)
                size -= len(piece)
                yield piece

    def end(self) -> None:
        """Read the last chunk, which is empty, and the empty line after it."""
        while self._following():
            pass
        self._connection.line()

    def _following(self) -> int:
        """The size of the next chunk, after the line break that ends the one before."""
        if self._began:
            self._connection.line()
        self._began = True
        return int(self._connection.line().partition(b";")[0], 16)


def drained(connection: Connection, head: Head, *, hashing: bool) -> Checksums:
    """The size and CRC-32 of the body's content, which is gone; BadDigest if it lies."""
    checksums = Checksums(head.headers, hashing)
    trailers: Mapping[str, str] = {}
    if "aws-chunked" not in head.headers.get("content-encoding", ""):
        _add(checksums, connection, int(head.headers.get("content-length", "0")))
    elif head.headers.get("transfer-encoding", "").lower() == "chunked":
        within = Chunked(connection)
        trailers = _aws_chunks(within, checksums)
        within.end()
    else:
        trailers = _aws_chunks(connection, checksums)
    checksums.verify(trailers)
    return checksums


def whole(connection: Connection, head: Head) -> bytes:
    length = int(head.headers.get("content-length", "0"))
    return b"".join(bytes(piece) for piece in connection.pieces(length))


def _add(checksums: Checksums, source: Source, size: int) -> None:
    for piece in source.pieces(size):
        checksums.add(piece)


def _aws_chunks(source: Source, checksums: Checksums) -> Mapping[str, str]:
    """The trailers; signatures of chunks are not verified."""
    while size := int(source.line().partition(b";")[0], 16):
        _add(checksums, source, size)
        source.line()
    return dict(_trailers(source))


def _trailers(source: Source) -> Iterator[tuple[str, str]]:
    while line := source.line().decode("latin-1"):
        name, _, value = line.partition(":")
        yield name.strip().lower(), value.strip()
