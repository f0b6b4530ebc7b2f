"""Scripts that run in a process of their own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

#: The environment in which a process finds the same modules as this one.
PATH = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def printed_by(script: str, *arguments: str | Path, **environment: str) -> str:
    """What the script prints; it must end with 0 and print no errors."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=PATH | environment,
        capture_output=True,
        check=False,
        text=True,
        errors="replace",
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


@contextmanager
def started(script: str, *arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """The script's process, in a process group of its own; killed behind the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        env=PATH,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def has_ended(pid: int | str) -> bool:
    """Whether the process has ended, even if nobody has waited for it."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in "XZ"


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + 10
    while not condition():
        assert monotonic() < deadline, "it did not come about in 10 seconds"
        sleep(0.01)
