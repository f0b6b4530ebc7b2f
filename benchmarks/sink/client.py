"""The sink as seen from outside: started, asked what it took, and sent to without any library."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

from benchmarks.sink.operations import STATISTICS
from worker.process.child_process import spawn

BUCKET = "bench"
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Statistics:
    bytes_received: int
    requests: int
    cpu_seconds: float
    latest_size: int


@dataclass(frozen=True, slots=True)
class Sink:
    port: int

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self.port}"

    def statistics(self) -> Statistics:
        with RawClient(self.port) as client:
            return Statistics(**json.loads(client.request("GET", STATISTICS)[1]))


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[Sink]:
    """A sink started with these arguments, which stops with the block."""
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "benchmarks.sink", *arguments]
    with os.fdopen(reading, "rb") as said:
        with os.fdopen(writing, "wb") as output:
            process = spawn(command, output=output)
        try:
            yield Sink(int(said.readline()))
        finally:
            _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    process.wait(timeout=10)


class RawClient:
    """One keep-alive connection, on which a body costs no more than `sendall`."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((HOST, port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def request(
        self,
        method: str,
        path: str,
        body: Iterable[bytes | bytearray | memoryview] = (),
        length: int = 0,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """The answer's status and body."""
        fields = {"Host": HOST, "Content-Length": str(length), **(headers or {})}
        lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in fields.items()), "", ""]
        self._socket.sendall("\r\n".join(lines).encode())
        for piece in body:
            self._socket.sendall(piece)
        return self._answer()

    def _answer(self) -> tuple[int, bytes]:
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._more()
        head, _, body = received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        while len(body) < length:
            body += self._more()
        return int(head.split(b" ", 2)[1]), body

    def _more(self) -> bytes:
        if not (received := self._socket.recv(1 << 16)):
            raise ConnectionError("the sink closed the connection")
        return received


def part_path(key: str, number: int, upload_id: str) -> str:
    return f"/{BUCKET}/{key}?partNumber={number}&uploadId={upload_id}"


def created(client: RawClient, key: str) -> str:
    """The id of a new multipart upload."""
    _, body = client.request("POST", f"/{BUCKET}/{key}?uploads")
    found: Any = body.partition(b"<UploadId>")[2].partition(b"<")[0]
    return str(found.decode())
