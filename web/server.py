"""Serves the application by uvicorn until a signal."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from web.app import make_app
from worker.bootstrap.services import Services
from worker.errors import SurroundingsUnusable
from worker.models.upload import Upload
from worker.settings import Settings

#: Requests at a time, streams included; more are told to come back.
CONCURRENT = 200
#: Seconds that open pages are given when the server stops.
GRACE = 2


def serve(settings: Settings, host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; `say` is given the URL once it can be opened.

    InvalidSettings for an address without protection, SurroundingsUnusable for one that is taken.
    """
    app = make_app(Services(settings), _enqueue, host=host)
    with _listening(host, port) as listener:
        name = f"[{host}]" if ":" in host else host
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
            limit_concurrency=CONCURRENT,
            timeout_graceful_shutdown=GRACE,
        )
        server = _Server(config)
        # before anybody knows the URL, and may end what is not running yet
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, server.handle_exit)
        say(f"http://{name}:{listener.getsockname()[1]}/")
        server.run(sockets=[listener])


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals as they are: uvicorn would raise them once more at the end."""
        yield


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=CONCURRENT)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        told = f"{host}, port {port}, can't be listened on: {why}"
        raise SurroundingsUnusable(told) from error


def _enqueue(*arguments: Any, **options: Any) -> Upload:
    from tasks import enqueue  # imports Celery, which is slow

    return enqueue(*arguments, **options)
