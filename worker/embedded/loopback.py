"""TCP ports on the loopback interface for the embedded servers, and the wait for their answers."""

import socket
import subprocess
import time
from collections.abc import Callable

HOST = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def wait_for(
    answers: Callable[[], bool], process: subprocess.Popen[bytes], *, timeout: float
) -> bool:
    """Return whether the server answers within `timeout` seconds, before its process ends."""
    deadline = time.monotonic() + timeout
    while not answers():
        if process.poll() is not None or time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
