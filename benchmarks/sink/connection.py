"""One HTTP/1.1 connection: requests come out of one reusable buffer, answers go back."""

import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

#: Stays in a core's cache, where the checksum finds what was just received. Measured: 64 to 192 KiB
#: take 4 GB/s on two cores that the client shares, 4 MiB half of that.
BUFFER = 128 << 10
#: Bytes that the kernel takes ahead of a throttled reader; else it would hide the throttle.
THROTTLED_RECEIVE = 256 << 10


class ConnectionEnded(Exception):
    """The client closed the connection."""


@dataclass(frozen=True, slots=True)
class Network:
    """What is imitated: bytes a second of each connection (0: all there is), seconds a request."""

    rate: float = 0
    delay: float = 0


@dataclass(frozen=True, slots=True)
class Head:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


class Connection:
    def __init__(self, sock: socket.socket, network: Network) -> None:
        self._socket = sock
        self._network = network
        self._buffer = bytearray(BUFFER)
        self._view = memoryview(self._buffer)
        self._start = self._end = 0
        #: Bytes since somebody last counted them.
        self.received = 0
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if network.rate:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, THROTTLED_RECEIVE)

    def head(self) -> Head:
        """The next request's first lines."""
        first, *lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        parts = urlsplit(target)
        fields = (line.partition(":") for line in lines)
        return Head(
            method,
            parts.path,
            dict(parse_qsl(parts.query, keep_blank_values=True)),
            {name.strip().lower(): value.strip() for name, _, value in fields},
        )

    def line(self) -> bytes:
        return self._until(b"\r\n")

    def pieces(self, size: int) -> Iterator[memoryview]:
        """The next `size` bytes; each piece is overwritten by what comes after it."""
        began = time.monotonic()
        left = size
        while left:
            piece = self._piece(left)
            left -= len(piece)
            yield piece
            if self._network.rate:
                ahead = (size - left) / self._network.rate - (time.monotonic() - began)
                time.sleep(max(0.0, ahead))

    def go_on(self) -> None:
        self._socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    def answer(
        self, status: int, headers: Mapping[str, str], body: bytes = b"", *, length: int | None
    ) -> None:
        """`length`: Content-Length, which is not the body's in the answer to HEAD."""
        time.sleep(self._network.delay)
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if status != HTTPStatus.NO_CONTENT:
            lines.append(f"Content-Length: {len(body) if length is None else length}")
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def _piece(self, most: int) -> memoryview:
        if self._start == self._end:
            room = self._view[: min(most, BUFFER)]
            self._start, self._end = 0, self._received(room, socket.MSG_WAITALL)
        stop = min(self._end, self._start + most)
        piece = self._view[self._start : stop]
        self._start = stop
        return piece

    def _until(self, mark: bytes) -> bytes:
        """What comes before the mark, which is skipped."""
        while (found := self._buffer.find(mark, self._start, self._end)) < 0:
            held = self._end - self._start
            self._view[:held] = bytes(self._view[self._start : self._end])
            self._start, self._end = 0, held
            self._end += self._received(self._view[held:], 0)
        taken = bytes(self._view[self._start : found])
        self._start = found + len(mark)
        return taken

    def _received(self, room: memoryview, flags: int) -> int:
        size = self._socket.recv_into(room, flags=flags)
        if not size:
            raise ConnectionEnded
        self.received += size
        return size
