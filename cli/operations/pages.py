"""Processes beside a worker that show pages, and are started again when they die."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from time import monotonic
from typing import TYPE_CHECKING

from cli.operations.web import require_extra
from worker.errors import InvalidSettings
from worker.process.child_process import spawn

if TYPE_CHECKING:
    from worker.settings import Settings

WEB_PORT, FLOWER_PORT = 5050, 5555
#: Seconds before a dead one is started again.
PAUSE = 1.0
#: Times in a row that a process may end by itself within so many seconds of its start.
MAX_FAILED_STARTS, STARTS_WITHIN = 3, 15.0
#: Seconds for one to stop.
LAST_PAUSE = 10.0


@dataclass
class Page:
    name: str
    url: str
    command: Sequence[str]
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)
    _started_at: float = field(default=0.0, init=False)
    _failed_starts: int = field(default=0, init=False)

    def ensure_running(self, say: Callable[[str], None]) -> None:
        """Start it, or start it again; after three early deaths say so, and leave it."""
        if self._failed_starts == MAX_FAILED_STARTS:
            return
        if self._process is None:
            self._start()
        elif self._process.poll() is not None and monotonic() - self._started_at > PAUSE:
            is_early = monotonic() - self._started_at < STARTS_WITHIN
            self._failed_starts = self._failed_starts + 1 if is_early else 0
            if self._failed_starts == MAX_FAILED_STARTS:
                say(f"{self.name} ended right after its start, three times, and is left alone.")
                return
            say(f"{self.name} died with {self._process.returncode}; it is started again.")
            self._start()

    def stop(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(LAST_PAUSE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _start(self) -> None:
        self._process = spawn(self.command, output=subprocess.DEVNULL)
        self._started_at = monotonic()


def web() -> Page:
    """The pages of jobs and runs; InvalidSettings without what they need."""
    require_extra()
    command = [sys.executable, "-P", "-m", "cli", "web", f"--port={WEB_PORT}"]
    return Page("oneprefix web", f"http://127.0.0.1:{WEB_PORT}/", command)


def flower(settings: "Settings") -> Page:
    """Flower on this machine's loopback, whose history survives; InvalidSettings without it."""
    if find_spec("flower") is None:
        raise InvalidSettings("Flower is missing: `pip install 'oneprefix[flower]'`")
    options = {
        "address": "127.0.0.1",
        "port": FLOWER_PORT,
        "persistent": True,
        "db": settings.data_dir / "flower",
        "state_save_interval": 5000,  # milliseconds
    }
    command = [sys.executable, "-P", "-m", "tasks.monitor"]
    command += [f"--{name}={value}" for name, value in options.items()]
    return Page("Flower", f"http://127.0.0.1:{FLOWER_PORT}/", command)
