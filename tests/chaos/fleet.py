"""Workers that somebody restarts, as systemd would, and that can be killed in every way."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from sqlalchemy import text

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
    app: str = "tasks"
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
        command += ["--without-mingle", "--without-gossip", f"--concurrency={self.concurrency}"]
        command += ["--loglevel=WARNING", f"--hostname=f{number}@%h"]
        with (self.running.directory / f"fleet-{number}.log").open("ab") as log:
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


@dataclass
class Killer:
    """Kills at random, and measures how long an upload under way waits for a new lease."""

    fleet: Fleet
    random: Random
    recovered_after: list[tuple[float, str]] = field(default_factory=list)
    """Seconds, and what was killed."""
    kills: int = 0

    def kill(self, what: str) -> None:
        """A `child` that works, its `main` process, or their whole `group`; if anything works."""
        working = {self._here(pid): pid for pid in self._owners().values()}
        working.pop(0, None)
        if not working:
            return
        child = self.random.choice(sorted(working))
        workers = (each for each in self.fleet.workers if child in descendants(each.pid))
        worker = next(workers, None)
        if worker is None:
            return  # it has just ended
        group = [worker.pid, *descendants(worker.pid)]
        victims = {"child": [child], "main": group[:1], "group": group}[what]
        held = self._held_by([child] if what == "child" else group)
        for pid in victims:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        killed_at = time.monotonic()
        self.kills += 1
        self._await(held, killed_at, what)

    def seconds(self, *whats: str) -> list[float]:
        """How long it took after kills of these, or of anything."""
        return [seconds for seconds, what in self.recovered_after if not whats or what in whats]

    def _here(self, pid: int) -> int:
        """The process that has this id on its own host; 0 if it has ended."""
        below = [each for worker in self.fleet.workers for each in descendants(worker.pid)]
        return next((each for each in below if self._there(each) == pid), 0)

    def _there(self, pid: int) -> int:
        return _inner_id(pid) if self.fleet.own_hosts else pid

    def _owners(self) -> dict[tuple[int, int], int]:
        query = text(
            "SELECT run_id, fence, owner FROM uploads"
            " WHERE state = 'UPLOADING' AND owner LIKE '%@%'"
        )
        with self.fleet.running.engine.begin() as connection:
            rows = connection.execute(query).all()
        return {
            (run_id, fence): int(owner.partition("@")[0].rpartition(":")[2])
            for run_id, fence, owner in rows
        }

    def _held_by(self, pids: list[int]) -> dict[int, int]:
        """Run and fence of what these processes have."""
        there = {self._there(pid) for pid in pids}
        return {run: fence for (run, fence), pid in self._owners().items() if pid in there}

    def _await(self, held: dict[int, int], killed_at: float, what: str) -> None:
        query = text("SELECT fence, state FROM uploads WHERE run_id = :run AND job_id = 12")
        deadline = killed_at + 60
        while held:
            for run, fence in list(held.items()):
                with self.fleet.running.engine.begin() as connection:
                    now, state = connection.execute(query, {"run": run}).one()
                if now > fence:
                    self.recovered_after.append((time.monotonic() - killed_at, what))
                    del held[run]
                elif state != "UPLOADING":
                    del held[run]  # it had ended just before
            assert time.monotonic() < deadline, held
            time.sleep(0.02)


def _inner_id(pid: int) -> int:
    """A process's id in its innermost namespace."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                return int(line.split()[-1])
    except OSError:
        pass
    return 0
