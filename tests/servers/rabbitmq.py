"""A RabbitMQ of its own, where its programs are installed."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from worker.embedded.loopback import HOST, free_port

#: Debian's wrapper on the PATH would change the user; this is the program itself.
SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
START_SECONDS = 120


def is_installed() -> bool:
    return SERVER.exists() and shutil.which("erl") is not None


@contextmanager
def rabbitmq(directory: Path) -> Iterator[str]:
    """The URL of a new one, whose data lie in the directory."""
    port, distribution = free_port(), free_port()
    environment = os.environ | {
        "HOME": str(directory),  # for its cookie
        "RABBITMQ_NODENAME": f"test{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": HOST,
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_BASE": str(directory),
        "RABBITMQ_MNESIA_BASE": str(directory / "data"),
        "RABBITMQ_LOG_BASE": str(directory / "log"),
        "RABBITMQ_PID_FILE": str(directory / "pid"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
    }
    with (directory / "rabbitmq.log").open("wb") as log:
        process = subprocess.Popen(
            [str(SERVER)], env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait_until_it_answers(process, port, directory / "rabbitmq.log")
        yield f"amqp://guest:guest@{HOST}:{port}//"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_until_it_answers(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with suppress(OSError), socket.create_connection((HOST, port), timeout=1) as connection:
            connection.sendall(b"AMQP\0\0\x09\x01")
            if connection.recv(1):
                return
        if process.poll() is not None or time.monotonic() > deadline:
            raise TimeoutError(log.read_text()[-2000:])
        time.sleep(0.2)
