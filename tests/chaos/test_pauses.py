"""Workers that stand still for longer than their leases, and go on: a laptop, a VM, a debugger."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from functools import partial
from random import Random

import pytest
from sqlalchemy import text

from tests.chaos.audit import audit, completed_twice, settle
from tests.chaos.conftest import LONG
from tests.chaos.figures import note, times
from tests.chaos.fleet import Fleet, descendants
from tests.chaos.runs import MIB, make_run
from tests.chaos.shipped import SHIPPED
from tests.chaos.test_broker import enqueued
from tests.end_to_end.cluster import Cluster, eventually
from worker.models.upload import UploadState

ROUNDS = 100 if LONG else 3
#: Seconds after the end of a pause within which all that it held up has landed.
LIMIT = 15


@pytest.mark.timeout(3600)
def test_what_a_pause_held_up_lands_soon_after_it(running: Cluster, dice: Random) -> None:
    seconds: list[float] = []
    with Fleet(running, 2, environment=SHIPPED) as fleet:
        for round_ in range(ROUNDS):
            ids = [101 + 2 * round_, 102 + 2 * round_]
            request(running, ids, dice)
            eventually(partial(any_under_way, running, ids), "work is under way")
            # one worker, or both, as the host that both run on would
            paused = fleet.workers if dice.random() < 0.3 else [dice.choice(fleet.workers)]
            stand_still(paused, dice.uniform(7.5, 12))
            thawed_at = time.monotonic()
            eventually(partial(all_over, running, ids), "all has landed")
            seconds.append(time.monotonic() - thawed_at)
        settle(running, 2 * ROUNDS)
    audit(running)
    note(
        "pause of workers beyond their leases",
        pauses=ROUNDS,
        completed_twice=completed_twice(running),
        last_landing_after_it=times(seconds),
    )
    assert max(seconds) <= LIMIT, seconds


def request(running: Cluster, ids: list[int], dice: Random) -> None:
    for run_id in ids:
        make_run(running.results / f"RUN{run_id}", 10 * MIB, dice)
    with running.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO runs (id, job_id) VALUES (:id, 12)"), [{"id": each} for each in ids]
        )
    enqueued(running, ids)


def state(running: Cluster, run_id: int) -> UploadState:
    row = running.row(12, run_id)
    assert row
    return row.state


def any_under_way(running: Cluster, ids: list[int]) -> bool:
    return any(state(running, run_id) is UploadState.UPLOADING for run_id in ids)


def all_over(running: Cluster, ids: list[int]) -> bool:
    return all(state(running, run_id).is_over for run_id in ids)


def stand_still(workers: list["subprocess.Popen[bytes]"], seconds: float) -> None:
    """Stop all processes of the workers at once, and let them go on that much later."""
    pids = [pid for worker in workers for pid in [worker.pid, *descendants(worker.pid)]]
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    for pid in reversed(pids):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
