"""A seekable file over byte ranges that are fetched as they are read."""

import os
from collections.abc import Callable, Iterator
from functools import cached_property

#: Bytes at the end that are fetched at once: a ZIP's end records, and most central directories.
TAIL = 128 << 10
#: Bytes up to which a gap is read and discarded rather than jumped: the longest ZIP extra field.
SKIP = 64 << 10
#: Bytes that one read may return, whatever sizes an archive claims.
MAX_READ = 1 << 30


class RangeReader:
    """`chunks(start, end)` fetches a range by one request, and yields it in pieces."""

    def __init__(self, size: int, chunks: Callable[[int, int], Iterator[bytes]]) -> None:
        self.size = size
        self.max_read: int | None = None
        """Bytes that one read may return, if fewer than `MAX_READ`."""
        self.transferred = 0
        """Bytes so far."""
        self.requests = 0
        self._chunks = chunks
        self._at = 0
        self._tail_start = max(0, size - TAIL)
        self._expected = range(0)
        self._coming = range(0)
        self._stream: Iterator[bytes] = iter(())
        self._ahead = b""  # a piece that the stream has yielded and nobody has read yet

    def expect(self, start: int, end: int) -> None:
        """Announce that this range will be read from its start: one request will fetch it."""
        self._expected = range(start, min(end, self._tail_start))

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise OSError("there is nothing before the beginning")
        self._at = base + offset
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        start = min(self._at, self.size)
        end = self.size if size is None or size < 0 else min(start + size, self.size)
        if end - start > min(self.max_read or MAX_READ, MAX_READ):
            raise OSError(f"{end - start} bytes are asked for at once")
        found = self._streamed(start, min(end, self._tail_start))
        if end > self._tail_start:
            found += self._tail[max(0, start - self._tail_start) : end - self._tail_start]
        self._at = start + len(found)
        return found

    @cached_property
    def _tail(self) -> bytes:
        return b"".join(self._asked(self._tail_start, self.size))

    def _streamed(self, start: int, end: int) -> bytes:
        pieces = []
        while start < end:
            if start in self._coming[:SKIP]:
                self._skip_to(start)
            else:
                expected = self._expected.stop if start in self._expected else end
                self._coming = range(start, max(end, expected))
                self._stream, self._ahead = self._asked(start, self._coming.stop), b""
            pieces.append(self._next(min(end, self._coming.stop) - start))
            start += len(pieces[-1])
        return b"".join(pieces)

    def _skip_to(self, start: int) -> None:
        while self._coming.start < start:
            self._next(start - self._coming.start)

    def _next(self, size: int) -> bytes:
        """The next bytes of the stream: one piece, or `size` bytes of it."""
        piece = self._ahead or next(self._stream)
        found, self._ahead = piece[:size], piece[size:]
        self._coming = self._coming[len(found) :]
        return found

    def _asked(self, start: int, end: int) -> Iterator[bytes]:
        if start == end:
            return
        self.requests += 1
        for chunk in self._chunks(start, end):
            self.transferred += len(chunk)
            yield chunk
