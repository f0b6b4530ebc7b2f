"""Server processes that choose their own port, and are gone when the test process is."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

DIE_WITH_PARENT = Path(__file__).with_name("die_with_parent.py")
LOGGED_URL = re.compile(rb"http://127\.0\.0\.1:\d+")
LOG_TAIL_BYTES = 4096
POLL_SECONDS = 0.02


class ServerDidNotStartError(Exception):
    """The server ended, or said nothing of its URL in time."""


@contextmanager
def running(
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    start_seconds: float = 30,
) -> Iterator[str]:
    """Run a server told to listen on port 0; give the URL that it logs when it listens.

    Such a server can't lose its port to another test, as one told a free port can. Enter from
    a thread that outlives the server: the kernel ends it with the *thread* that started it.
    """
    shim = [sys.executable, "-I", str(DIE_WITH_PARENT), str(os.getpid())]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [*shim, *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        try:
            yield _logged_url(process, log, time.monotonic() + start_seconds)
        finally:
            _stop(process)


def _logged_url(process: subprocess.Popen[bytes], log: IO[bytes], deadline: float) -> str:
    while time.monotonic() < deadline and process.poll() is None:
        if found := LOGGED_URL.search(_read(log)):
            return found[0].decode()
        time.sleep(POLL_SECONDS)
    ending = "still runs" if process.poll() is None else f"ended with {process.returncode}"
    tail = _read(log)[-LOG_TAIL_BYTES:].decode(errors="replace")
    raise ServerDidNotStartError(f"{process.args!r} {ending}; its log ends:\n{tail}")


def _read(log: IO[bytes]) -> bytes:
    # pread, because a seek would move the server's own writing position too.
    return os.pread(log.fileno(), os.fstat(log.fileno()).st_size, 0)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
