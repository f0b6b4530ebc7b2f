"""Runs a command, or a shell's pipeline, and says what it took."""

import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.processes import busy_seconds, command, peak_resident, tree

#: Seconds between two looks at a process tree's memory; a look takes some 0.1 ms.
SAMPLE = 0.01
#: Looks after which a child that is still like its parent is one of its own. Before, it is about
#: to become another program, and until then its memory is its parent's.
FORKED = 20


class CommandFailed(Exception):
    """A command ended with an exit code that is not 0."""


@dataclass(frozen=True, slots=True)
class Measured:
    seconds: float
    cpu_seconds: float
    peak: int
    """Bytes: the peaks of the processes alive at one time, summed, at most."""
    others: float
    """Cores that everything else on the machine used meanwhile, the sink too."""
    said: str

    @property
    def result(self) -> dict[str, Any]:
        """The JSON that a module of ours printed."""
        found: dict[str, Any] = json.loads(self.said.splitlines()[-1])
        return found


def measure(
    command: Sequence[str] | str,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Measured:
    """A string is a pipeline for bash. CommandFailed if any of its commands fails."""
    argv = ["bash", "-o", "pipefail", "-c", command] if isinstance(command, str) else list(command)
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        began, busy = time.perf_counter(), busy_seconds()
        process = subprocess.Popen(  # noqa: S603  the commands are ours
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env=environment,
            cwd=cwd,
            start_new_session=True,
        )
        try:
            with _Watch(process.pid) as watch:
                _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            raise CommandFailed(f"{command}\n{errors.read()[-2000:].decode(errors='replace')}")
        output.seek(0)
        cpu_seconds = used.ru_utime + used.ru_stime
        others = max(0.0, busy_seconds() - busy - cpu_seconds) / seconds
        return Measured(seconds, cpu_seconds, watch.peak, others, output.read().decode())


class _Watch:
    """The highest sum of peaks over a process tree, sampled while the block lasts."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._looks: Counter[int] = Counter()
        self.peak = 0

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while True:
            own = (pid for pid, parent in tree(self._pid) if self._is_own(pid, parent))
            self.peak = max(self.peak, sum(map(peak_resident, own)))
            if self._over.wait(SAMPLE):
                return

    def _is_own(self, pid: int, parent: int) -> bool:
        """Whether the process has a memory of its own."""
        if not parent or command(pid) != command(parent):
            return True
        self._looks[pid] += 1
        return self._looks[pid] > FORKED
