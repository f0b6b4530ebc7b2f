"""An HTTP/1.1 proxy of whole messages: what comes in, what is answered, how it is passed on."""

import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# Each is about one connection, not about the message: this proxy has answered Expect, and has
# joined the chunks of a chunked transfer, which S3 takes and rclone doesn't.
NOT_FORWARDED = {"connection", "keep-alive", "expect", "transfer-encoding", "content-length"}
NOT_RETURNED = {"connection", "keep-alive", "transfer-encoding"}
BODILESS = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
UPSTREAM_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Incoming:
    method: str
    target: str
    headers: Message
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    broken: bool = False  # in the middle

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


def forward(incoming: Incoming, address: str) -> Answer:
    """The upstream's answer to a request passed on with its headers as they are."""
    connection = HTTPConnection(address, timeout=UPSTREAM_SECONDS)
    try:
        connection.putrequest(
            incoming.method, incoming.target, skip_host=True, skip_accept_encoding=True
        )
        for name, value in incoming.headers.items():
            if name.lower() not in NOT_FORWARDED:
                connection.putheader(name, value)
        if incoming.body or "Content-Length" in incoming.headers:
            connection.putheader("Content-Length", str(len(incoming.body)))
        connection.endheaders(incoming.body)
        response = connection.getresponse()
        return Answer(response.status, tuple(response.getheaders()), response.read())
    finally:
        connection.close()


@contextmanager
def listening(answer: Callable[[Incoming], Answer | None]) -> Iterator[str]:
    """Serve on a loopback port of its own; None for an answer breaks the connection."""
    with _Server(("127.0.0.1", 0), partial(_Handler, answer)) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def _is_chunked(headers: Message) -> bool:
    return headers.get("Transfer-Encoding", "").lower() == "chunked"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that goes away is everyday life; anything else is a mistake of ours.
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, answer: Callable[[Incoming], Answer | None], *connection: Any) -> None:
        self._answer = answer
        super().__init__(*connection)

    def _serve(self) -> None:
        body = self._chunks() if _is_chunked(self.headers) else self._counted()
        answer = self._answer(Incoming(self.command, self.path, self.headers, body))
        if answer is None:
            self._reset()
        else:
            self._send(answer)

    # http.server looks for these names.
    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815

    def _counted(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _chunks(self) -> bytes:
        chunks = []
        while size := int(self._line().partition(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self._line()
        while self._line().strip():
            pass
        return b"".join(chunks)

    def _line(self) -> bytes:
        line = self.rfile.readline()
        if not line:
            raise ConnectionResetError("The client left in the middle of its body.")
        return line

    def _send(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        has_body = self.command != "HEAD" and answer.status not in BODILESS
        # What HEAD says of the length is the object's; else it is that of the body sent here.
        replaced = NOT_RETURNED if self.command == "HEAD" else NOT_RETURNED | {"content-length"}
        for name, value in answer.headers:
            if name.lower() not in replaced:
                self.send_header(name, value)
        if has_body:
            # a broken one promises at least one byte that never comes
            self.send_header("Content-Length", str(len(answer.body) + answer.broken))
        self.end_headers()
        if has_body:
            self.wfile.write(answer.body[: len(answer.body) // 2] if answer.broken else answer.body)
        if answer.broken:
            self._reset()

    def _reset(self) -> None:
        self.close_connection = True
        # Lingering for no time turns the close into a reset, as long as it is the first close.
        no_lingering = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_lingering)
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name upstream
        pass
