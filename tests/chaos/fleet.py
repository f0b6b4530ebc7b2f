"""Workers that somebody restarts, as systemd would, and that can be killed in every way."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.end_to_end.cluster import Cluster

PROJECT = Path(__file__).parents[2]
#: How a host of its own is made on this machine: other processes can't tell whether its run.
OWN_HOST = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
CAN_HAVE_HOSTS = os.geteuid() == 0


@dataclass
class Fleet:
    running: Cluster
    size: int
    concurrency: int = 2
    own_hosts: bool = False
    name: str = "f"
    app: str = "tasks"
    command: tuple[str, ...] = ()
    """What is run instead of `celery -A {app} worker`."""
    within: tuple[str, ...] = ()
    """A command that starts each worker in surroundings of its own."""
    environment: dict[str, str] = field(default_factory=dict)
    workers: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    restarts: int = 0
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> "Fleet":
        self.workers = [self._started(number) for number in range(self.size)]
        self._thread = threading.Thread(target=self._look_after, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        assert self._thread
        self._thread.join()
        for worker in self.workers:
            for pid in [worker.pid, *descendants(worker.pid)][:: -1 if self.own_hosts else 1]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
                if not self.own_hosts:
                    break
        for worker in self.workers:
            try:
                worker.wait(timeout=30)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()

    def log(self) -> str:
        logs = sorted(self.running.directory.glob("fleet-*.log"))
        return "".join(log.read_text(errors="replace") for log in logs)

    def _started(self, number: int) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-P", "-m", "celery", "-A", self.app, "worker"]
        command += ["--loglevel=WARNING", f"--hostname={self.name}{number}@%h"]
        command = list(self.command) or command
        command += [f"--concurrency={self.concurrency}"]
        with (self.running.directory / f"fleet-{self.name}{number}.log").open("ab") as log:
            return subprocess.Popen(
                [*(OWN_HOST if self.own_hosts else self.within), *command],
                cwd=self.running.directory,
                env=self.running.environment | self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _look_after(self) -> None:
        while not self._over.wait(0.1):
            for number, worker in enumerate(self.workers):
                if worker.poll() is not None:
                    self.restarts += 1
                    self.workers[number] = self._started(number)


def sabotaged(running: Cluster, moment: str, environment: Mapping[str, str]) -> Fleet:
    """A worker whose processes die at that moment; see `tests.chaos.sabotaged`."""
    told = {"PYTHONPATH": str(PROJECT), "ONEPREFIX_DIES_AT": moment, **environment}
    return Fleet(running, 1, app="tests.chaos.sabotaged", environment=told)


def descendants(pid: int) -> list[int]:
    """All that a process has started, nearest first."""
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    children = [int(child) for child in listed]
    return children + [each for child in children for each in descendants(child)]
