"""The demo's surroundings: a directory, an environment and a worker of its own."""

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from cli.operations.supervisor import Supervisor
from worker.errors import PermanentError


@contextmanager
def workplace(keep: Path | None) -> Iterator[Path]:
    """Yield the demo's directory, made the current one so that no `.env` of the user is read.

    It is removed at the end unless it is `keep`. PermanentError if it can't be used.
    """
    before = Path.cwd()
    if keep and keep.is_dir() and any(keep.iterdir()):
        raise PermanentError(f"{keep} is not empty; name a new directory for --keep")
    directory = keep.absolute() if keep else Path(tempfile.mkdtemp(prefix="oneprefix-demo-"))
    try:
        directory.mkdir(parents=True, exist_ok=True)
        os.chdir(directory)
    except OSError as error:
        raise PermanentError(f"{directory} can't be used: {error.strerror}") from error
    try:
        yield directory
    finally:
        os.chdir(before)
        if not keep:
            shutil.rmtree(directory)


def configure(directory: Path) -> None:
    """Replace the settings in this process' environment, which its children inherit."""
    for name in list(os.environ):
        if name.startswith(("ONEPREFIX_", "AWS_")) or name.lower().endswith("_proxy"):
            del os.environ[name]
    os.environ |= {
        "ONEPREFIX_DATA_DIR": str(directory / "data"),
        "ONEPREFIX_RESULTS_ROOTS": str(directory / "results"),
        "ONEPREFIX_RECOVERY_SECONDS": "1",
    }


@contextmanager
def running_worker() -> Iterator[None]:
    """Run a supervised worker; the block begins when the schema is there and a worker started."""
    from worker.settings import load_settings

    stop, hurry = threading.Event(), threading.Event()
    supervisor = Supervisor(
        load_settings(),
        lambda _: None,
        worker_options=["--concurrency=2"],
        output=subprocess.DEVNULL,
    )
    # Linux counts the thread that starts a child as its parent, so the supervisor keeps one thread
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(supervisor.run, stop, hurry)
        try:
            while not supervisor.is_up:
                if running.done():
                    running.result()
                time.sleep(0.05)
            yield
        finally:
            stop.set()
