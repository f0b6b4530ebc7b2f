"""Workers that stand still for longer than their leases, and go on: a laptop, a VM, a debugger."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from random import Random

import pytest
from sqlalchemy import text

from tests.chaos.aftermath import landings, sent_twice_mib
from tests.chaos.audit import audit, completed_twice, settle
from tests.chaos.conftest import LONG
from tests.chaos.figures import note, times
from tests.chaos.fleet import Fleet, descendants
from tests.chaos.killer import Interruption, Leases
from tests.chaos.runs import MIB, SLOWLY, make_run
from tests.chaos.test_broker import enqueued
from tests.end_to_end.cluster import Cluster, eventually
from worker.use_cases.upload.deaths import AFTER_LEASE, AT_ONCE

PAUSES = 100 if LONG else 4
#: Uploads that are always waiting or under way; four can be under way.
OPEN = 4
#: Seconds after the end of a pause within which what it held up has landed. What was held up three
#: times in a row is put off for longer, and runs alone.
LIMIT = 15


@pytest.mark.timeout(3600)
def test_what_a_pause_held_up_lands_soon_after_it(running: Cluster, dice: Random) -> None:
    requested: list[int] = []
    held: list[Interruption] = []
    with Fleet(running, 2, environment=SLOWLY) as fleet, Leases(running) as leases:
        for _ in range(PAUSES):
            keep_busy(running, requested, dice)
            eventually(lambda: leases.held, "work is under way")
            time.sleep(dice.uniform(0, 2))
            # one worker, or both, as the host that both run on would
            paused = fleet.workers if dice.random() < 0.3 else [dice.choice(fleet.workers)]
            before = dict(leases.held)
            thawed_at = stand_still(paused, dice.uniform(7.5, 12))
            held += [
                Interruption(run_id, each.fence, each.deaths, "pause", thawed_at)
                for run_id, each in (before | leases.held).items()
            ]
        settle(running, len(requested), seconds=180)
    audit(running)
    landed_at, last = landings(running), {each.run_id: each for each in held}
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for run_id, each in last.items():
        if landed_at[run_id] > each.at:
            seconds[each.deaths >= AT_ONCE].append(landed_at[run_id] - each.at)
    note(
        "pause of workers beyond their leases",
        pauses=PAUSES,
        uploads=len(requested),
        completed_twice=completed_twice(running),
        landing_after_the_thaw=times(seconds[False]),
        landing_after_a_third_pause_in_a_row=times(seconds[True]),
        sent_twice_mib=sent_twice_mib(running),
    )
    assert max(seconds[False]) <= LIMIT, seconds
    assert max(seconds[True], default=0) <= LIMIT + AFTER_LEASE, seconds


def keep_busy(running: Cluster, requested: list[int], dice: Random) -> None:
    """Request so many new uploads that `OPEN` are not over."""
    over = running.scalar("SELECT count(*) FROM uploads WHERE landed_at IS NOT NULL")
    count = OPEN - (len(requested) - over)
    ids = [101 + len(requested) + number for number in range(count)]
    for run_id in ids:
        make_run(running.results / f"RUN{run_id}", 10 * MIB, dice)
    if not ids:
        return
    with running.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO runs (id, job_id) VALUES (:id, 12)"), [{"id": each} for each in ids]
        )
    enqueued(running, ids)
    requested += ids


def stand_still(workers: list["subprocess.Popen[bytes]"], seconds: float) -> float:
    """Stop all processes of the workers at once, and let them go on that much later.

    Returns when they went on.
    """
    pids = [pid for worker in workers for pid in [worker.pid, *descendants(worker.pid)]]
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    thawed_at = time.time()
    for pid in reversed(pids):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    return thawed_at
