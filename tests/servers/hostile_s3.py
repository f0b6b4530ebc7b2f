"""An S3 server that answers as a test tells it to: too much, too little, nonsense, or never."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

#: Answers one request through the handler; the path tells which.
Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class HostileS3:
    answer: Answer
    requests: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)
    """Set once the test is over; what hangs ends then."""
    port: int = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def hostile_s3(answer: Answer) -> Iterator[HostileS3]:
    """Serve until the block ends."""
    hostile = HostileS3(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            hostile.requests += 1
            self.close_connection = True
            with suppress(ConnectionError):
                hostile.answer(self)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any  # noqa: N815  as the base has

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hostile.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hostile
    finally:
        hostile.stopped.set()
        server.shutdown()
        server.server_close()
        thread.join()


def answering(
    body: bytes = b"", *, status: int = 200, length: int | None = None, **headers: str
) -> Answer:
    """An answer with these headers, whose underscores are hyphens. `length`: what it claims."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.rfile.read(int(request.headers.get("Content-Length") or 0))
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body) if length is None else length))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)

    return answer
