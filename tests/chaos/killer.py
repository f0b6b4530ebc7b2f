"""Kills at random, without waiting for what becomes of it, and tells afterwards."""

import os
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, Self

from sqlalchemy import text

from tests.chaos.aftermath import landings, sent, sent_twice_mib
from tests.chaos.figures import times
from tests.chaos.fleet import Fleet, descendants
from tests.end_to_end.cluster import Cluster
from worker.use_cases.upload.deaths import AT_ONCE

#: Seconds between two looks at the leases.
LOOK_EVERY = 0.03


class Interruption(NamedTuple):
    """An upload that was under way in what was killed, or paused."""

    run_id: int
    fence: int
    deaths: int
    """In a row, before this one."""
    what: str
    at: float


class Held(NamedTuple):
    fence: int
    deaths: int
    owner: str


@dataclass
class Leases:
    """Watches which process holds the lease of which run, and since when."""

    running: Cluster
    since: dict[tuple[int, int], float] = field(default_factory=dict)
    """By run and fence."""
    held: dict[int, Held] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        assert self._thread
        self._thread.join()

    def _watch(self) -> None:
        query = text(
            "SELECT run_id, fence, deaths, owner FROM uploads"
            " WHERE state = 'UPLOADING' AND owner LIKE '%@%'"
        )
        while not self._over.wait(LOOK_EVERY):
            with self.running.engine.begin() as connection:
                rows = connection.execute(query).all()
            now = time.time()
            for run_id, fence, _, _ in rows:
                self.since.setdefault((run_id, fence), now)
            self.held = {run: Held(fence, deaths, owner) for run, fence, deaths, owner in rows}

    def next_after(self, interrupted: Interruption) -> float | None:
        """When the run's next lease was seen; None if there was none."""
        later = (
            at
            for (run_id, fence), at in self.since.items()
            if run_id == interrupted.run_id and fence > interrupted.fence
        )
        return min(later, default=None)


@dataclass
class Killer:
    fleet: Fleet
    leases: Leases
    random: Random
    interrupted: list[Interruption] = field(default_factory=list)
    kills: int = 0

    def kill(self, what: str) -> None:
        """A `child` that works, its `main` process, or their whole `group`; if anything works."""
        owners = {_process_of(each.owner) for each in list(self.leases.held.values())}
        below = {pid: worker for worker in self.fleet.workers for pid in descendants(worker.pid)}
        working = [pid for pid in below if _process(pid) in owners]
        if not working:
            return
        child = self.random.choice(working)
        group = [below[child].pid, *descendants(below[child].pid)]
        lost = {_process(pid) for pid in ([child] if what == "child" else group)}
        held = dict(self.leases.held)
        at = time.time()
        for pid in {"child": [child], "main": group[:1], "group": group}[what]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.kills += 1
        self.interrupted += [
            Interruption(run_id, each.fence, each.deaths, what, at)
            for run_id, each in held.items()
            if _process_of(each.owner) in lost
        ]

    def figures(self) -> dict[str, Any]:
        """Once all is over: seconds from a kill to the next lease, byte and landing.

        Those of the third death in a row and later, which the product puts off, stand apart.
        """
        running = self.leases.running
        landed_at = landings(running)
        last = {each.run_id: each for each in self.interrupted}
        moved = sent(running)
        leases: dict[str, list[float]] = {"child": [], "worker": [], "later": []}
        bytes_, ends = [], []
        for each in self.interrupted:
            leased_at = self.leases.next_after(each)
            if leased_at is None:
                continue  # it was over
            kind = "child" if each.what == "child" else "worker"
            leases["later" if each.deaths >= AT_ONCE else kind].append(leased_at - each.at)
            if each.deaths >= AT_ONCE:
                continue
            key = f"/run_{each.run_id}_results.zip"
            later = (x.at for x in moved if x.at > leased_at and x.key.endswith(key))
            if next_at := next(later, None):
                bytes_.append(next_at - each.at)
            if last[each.run_id] is each and each.run_id in landed_at:
                ends.append(landed_at[each.run_id] - each.at)
        return {
            "kills": self.kills,
            "interrupted": sum(map(len, leases.values())),
            "next_lease_after_a_child": times(leases["child"]),
            "next_lease_after_a_worker": times(leases["worker"]),
            "next_byte": times(bytes_),
            "landing": times(ends),
            "next_lease_after_a_third_death_in_a_row": times(leases["later"]),
            "sent_twice_mib": sent_twice_mib(running),
        }


Process = tuple[str, str]
"""A namespace of process ids, and an id in it."""


def _process_of(owner: str) -> Process:
    name, _, identity = owner.partition("@")
    return identity.split(".")[1], name.rpartition(":")[2]


def _process(pid: int) -> Process | None:
    """None if it has ended."""
    try:
        namespace = Path(f"/proc/{pid}/ns/pid").stat().st_ino
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    [inner] = [line.split()[-1] for line in lines if line.startswith("NSpid:")]
    return str(namespace), inner
