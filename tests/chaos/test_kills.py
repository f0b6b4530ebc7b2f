"""Uploads whose children, workers and hosts are killed at random moments."""

import time
from random import Random

import pytest

from tests.chaos.audit import audit, completed_twice, settle
from tests.chaos.conftest import LONG
from tests.chaos.figures import note, times
from tests.chaos.fleet import CAN_HAVE_HOSTS, Fleet, Killer
from tests.chaos.runs import MIB, make_runs
from tests.chaos.test_broker import enqueued
from tests.end_to_end.cluster import Cluster

RUNS, KILLS, LARGEST = (500, 30, 200 * MIB) if LONG else (40, 5, 12 * MIB)
#: Of a host of its own nobody else knows that it is gone, until its leases run out.
DEFAULTS = {
    "ONEPREFIX_LEASE_SECONDS": "7",
    "ONEPREFIX_RECOVERY_SECONDS": "1",
    "ONEPREFIX_SWEEP_SECONDS": "2",
    # so that there is something to interrupt, and the servers of the tests leave processors free
    "ONEPREFIX_BANDWIDTH_MIB": "5",
}


@pytest.mark.timeout(1800)
def test_no_kill_of_a_child_or_a_worker_loses_or_doubles_an_upload(
    running: Cluster, dice: Random
) -> None:
    ids = make_runs(running, RUNS, dice, largest=LARGEST)
    with Fleet(running, 3, environment=DEFAULTS) as fleet:
        killer = Killer(fleet, dice)
        enqueued(running, ids)
        while killer.kills < KILLS and not _all_over(running):
            time.sleep(dice.uniform(0.2, 1.0))
            killer.kill(dice.choice(["child", "child", "main", "group"]))
        settle(running, RUNS, seconds=900 if LONG else 120)
    audit(running)
    note(
        "kill of a child or a worker beside others",
        uploads=RUNS,
        kills=killer.kills,
        restarts=fleet.restarts,
        interrupted=len(killer.recovered_after),
        completed_twice=completed_twice(running),
        recovery=times(killer.seconds()),
        after_a_child=times(killer.seconds("child")),
        after_a_worker=times(killer.seconds("main", "group")),
    )
    assert completed_twice(running) == 0


@pytest.mark.skipif(not CAN_HAVE_HOSTS, reason="only root can simulate hosts (PID namespaces)")
@pytest.mark.timeout(1800)
def test_no_kill_of_a_whole_host_loses_or_doubles_an_upload(running: Cluster, dice: Random) -> None:
    runs, kills = (60, 12) if LONG else (12, 1)
    ids = make_runs(running, runs, dice, largest=40 * MIB if LONG else 12 * MIB)
    # with places left for what was interrupted: how long it waits for one is no matter of recovery
    with Fleet(running, 2, concurrency=6, own_hosts=True, environment=DEFAULTS) as fleet:
        killer = Killer(fleet, dice)
        enqueued(running, ids)
        while killer.kills < kills and not _all_over(running):
            time.sleep(dice.uniform(0.2, 1.0))
            killer.kill("group")
        settle(running, runs, seconds=300)
    audit(running)
    note(
        "kill of a whole host",
        uploads=runs,
        kills=killer.kills,
        interrupted=len(killer.recovered_after),
        completed_twice=completed_twice(running),
        recovery=times(killer.seconds()),
    )
    assert completed_twice(running) == 0


def _all_over(running: Cluster) -> bool:
    return bool(
        running.scalar("SELECT count(*) FROM uploads WHERE state NOT IN ('LANDED', 'FAILED')") == 0
        and running.scalar("SELECT count(*) FROM uploads") > 0
    )
