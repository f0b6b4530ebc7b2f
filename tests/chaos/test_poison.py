"""Uploads that kill their workers, each time or for a while; and limits that workers meet."""

import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import text

from tests.chaos.audit import audit, settle
from tests.chaos.figures import note
from tests.chaos.fleet import CAN_HAVE_HOSTS, Fleet, descendants, sabotaged
from tests.chaos.runs import MIB, SLOWLY, make_run, make_runs, path_of
from tests.end_to_end.cluster import Cluster, eventually
from worker.models.upload import UploadState

WITHIN = ("unshare", "--mount", "sh", "-c")
CELERY = ("-P", "-m", "celery", "-A", "tasks")
#: Deaths until FAILED, and short waits between them, so that the end is seen.
FEW = {"ONEPREFIX_MAX_ATTEMPTS": "5", "ONEPREFIX_BACKOFF_CAP_SECONDS": "2"}


@pytest.mark.parametrize("when", ["before the row", "while packing"])
@pytest.mark.timeout(300)
def test_an_upload_that_kills_its_worker_each_time_ends_failed_and_hinders_no_other(
    running: Cluster, dice: Random, when: str
) -> None:
    ids = make_runs(running, 6, dice, largest=MIB)
    make_run(running.results / "RUN4", MIB, dice)
    with sabotaged(running, when, FEW) as fleet:
        running.send(12, 4, path_of(running, 4))
        for run_id in ids:
            running.send(12, run_id, path_of(running, run_id))
        for run_id in ids:
            running.wait_for(12, run_id)
        row = running.wait_for(12, 4, UploadState.FAILED)
        assert fleet.restarts == 0
    assert row.attempt == 5
    assert "its worker was killed; that was number 5 in a row" in (row.error or "")
    note(f"an upload that kills its worker five times, {when}", others_landed=len(ids))


@pytest.mark.timeout(300)
def test_a_minute_of_pressure_does_not_fail_an_innocent_upload(
    running: Cluster, dice: Random
) -> None:
    """Whatever process works on it is killed at once, at the shipped number of attempts."""
    make_run(running.results / "RUN4", 8 * MIB, dice)
    with Fleet(running, 1, environment=SLOWLY) as fleet:
        running.send(12, 4, path_of(running, 4))
        began = time.monotonic()
        while time.monotonic() < began + 60:
            owner = running.scalar("SELECT owner FROM uploads WHERE state = 'UPLOADING'")
            if owner:
                kill(fleet, owner)
            time.sleep(0.05)
        attempts = running.scalar("SELECT attempt FROM uploads")
        with running.engine.begin() as connection:  # nobody wants to wait that long here
            connection.execute(text("UPDATE uploads SET next_attempt_at = now()"))
        settle(running, 1)
    audit(running)
    assert attempts < 12
    note("killed at once for 60 s, at shipped limits", attempts=attempts)


def kill(fleet: Fleet, owner: str) -> None:
    pid = int(owner.partition("@")[0].rpartition(":")[2])
    if pid in [each for worker in fleet.workers for each in descendants(worker.pid)]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.timeout(300)
def test_attempts_that_meet_a_limit_of_memory_take_less_until_one_lands(
    running: Cluster, dice: Random
) -> None:
    """Each process may map little more than it has when it starts, threads' stacks included."""
    make_run(running.results / "RUN4", 240 * MIB, dice)
    many = {"ONEPREFIX_CONNECTIONS": "64", "ONEPREFIX_MEMORY_MIB": "600"}
    running.start_worker(**many)
    for pid in pool_processes(running.workers[0].pid):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + 420 * MIB
        resource.prlimit(pid, resource.RLIMIT_AS, (limit, limit))
    running.send(12, 4, path_of(running, 4))
    seen = eventually(lambda: running.scalar("SELECT max(error) FROM uploads"), "it met the limit")
    settle(running, 1)
    assert running.workers[0].poll() is None
    audit(running)
    assert "the worker met a limit" in seen
    assert "MiB (RLIMIT_AS)" in seen
    attempts, cutbacks = (
        running.scalar(f"SELECT {each} FROM uploads") for each in ("attempt", "cutbacks")
    )
    assert 1 <= cutbacks < attempts
    note("a limit of memory", attempts=attempts, cutbacks=cutbacks)


def pool_processes(worker: int) -> list[int]:
    """The forks of the worker, which has started other commands too."""
    command = Path(f"/proc/{worker}/cmdline").read_bytes()
    forks = [each for each in descendants(worker) if is_fork(each, command)]
    assert len(forks) == 2
    return forks


def is_fork(pid: int, command: bytes) -> bool:
    return Path(f"/proc/{pid}/cmdline").read_bytes() == command


@pytest.mark.skipif(not CAN_HAVE_HOSTS, reason="only root can mount file systems")
@pytest.mark.parametrize("option", ["size=4k,nr_inodes=3", "ro"], ids=["full", "read-only"])
def test_a_worker_without_shared_memory_says_so_in_one_line(running: Cluster, option: str) -> None:
    mounted = f'mount -t tmpfs -o {option} none /dev/shm && exec "$@"'
    worker = subprocess.run(
        [*WITHIN, mounted, "worker", sys.executable, *CELERY, "worker", "--concurrency=2"],
        cwd=running.directory,
        env=running.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert worker.returncode == 1
    [line] = worker.stderr.strip().splitlines()
    assert "/dev/shm can't be used" in line
