"""Serve an exposition by HTTP, and wait for the port as long as another process has it."""

import logging
import socket
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from threading import BoundedSemaphore, Thread
from time import sleep
from typing import Any

from worker.metrics.exposition import Exposition

log = logging.getLogger(__name__)

PATH = "/metrics"
#: Connections that are answered at once; more are closed.
CONNECTIONS = 8
#: Seconds that a client has to say what it wants, and to take the answer.
PATIENCE = 5.0
#: Seconds between two tries of a port that another process has.
PAUSE = 5.0


def serve(host: str, port: int, answer: Callable[[], Exposition]) -> None:
    """Serve in a thread for as long as this process runs; warns once if the port is taken."""
    Thread(target=_serve, args=(host, port, answer), name="metrics", daemon=True).start()


def _serve(host: str, port: int, answer: Callable[[], Exposition]) -> None:
    has_warned = False
    while True:
        try:
            with MetricsServer(host, port, answer) as server:
                log.info("metrics are at http://%s:%d%s", host, server.server_port, PATH)
                server.serve_forever()
        except (OSError, ValueError) as error:  # ValueError: of a host that is no name
            if not has_warned:
                log.warning("no metrics at %s:%d: %s; it is tried again", host, port, error)
            has_warned = True
        sleep(PAUSE)


class MetricsServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host: str, port: int, answer: Callable[[], Exposition]) -> None:
        self.answer = answer
        self._free = BoundedSemaphore(CONNECTIONS)
        self.address_family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        super().__init__(address[:2], _Handler)  # type: ignore[arg-type]  # of either family

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer's asks a name server for the host's name
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread can be started
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away, or took too long."""


class _Handler(BaseHTTPRequestHandler):
    server: MetricsServer
    timeout = PATIENCE
    server_version, sys_version = "oneprefix", ""

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != PATH:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        try:
            body, content_type = self.server.answer()
        except Exception:
            log.exception("a scrape fails")
            self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR)
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing: a scrape comes every few seconds."""
