"""Uploads whose children, workers and hosts are killed at random moments."""

import time
from random import Random

import pytest

from tests.chaos.audit import audit, completed_twice, settle
from tests.chaos.conftest import LONG
from tests.chaos.figures import note
from tests.chaos.fleet import CAN_HAVE_HOSTS, Fleet
from tests.chaos.killer import Killer, Leases
from tests.chaos.runs import MIB, SLOWLY, make_runs
from tests.chaos.test_broker import enqueued
from tests.end_to_end.cluster import Cluster

RUNS, KILLS, LARGEST = (600, 150, 200 * MIB) if LONG else (40, 8, 12 * MIB)
HOSTS_RUNS, HOSTS_KILLS = (400, 50) if LONG else (30, 3)


#: Seconds between two kills: most recoveries are over by the next one, or hardly any.
PACES = {"one by one": (4.0, 8.0), "upon each other": (0.2, 2.0)}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("pace", PACES)
def test_no_kill_of_a_child_or_a_worker_loses_or_doubles_an_upload(
    running: Cluster, dice: Random, pace: str
) -> None:
    ids = make_runs(running, RUNS, dice, largest=LARGEST)
    with Fleet(running, 3, environment=SLOWLY) as fleet, Leases(running) as leases:
        killer = Killer(fleet, leases, dice)
        enqueued(running, ids)
        while killer.kills < KILLS and _left(running) > RUNS // 10:
            time.sleep(dice.uniform(*PACES[pace]))
            killer.kill(dice.choice(["child", "child", "main", "group"]))
        settle(running, RUNS, seconds=1200 if LONG else 180)
    audit(running)
    note(
        f"kills of children and workers beside others, {pace}",
        uploads=RUNS,
        restarts=fleet.restarts,
        completed_twice=completed_twice(running),
        **killer.figures(),
    )
    assert completed_twice(running) == 0


@pytest.mark.skipif(not CAN_HAVE_HOSTS, reason="only root can simulate hosts (PID namespaces)")
@pytest.mark.timeout(1800)
def test_no_kill_of_a_whole_host_loses_or_doubles_an_upload(running: Cluster, dice: Random) -> None:
    ids = make_runs(running, HOSTS_RUNS, dice, largest=40 * MIB)
    with (
        Fleet(running, 3, own_hosts=True, environment=SLOWLY) as fleet,
        Leases(running) as leases,
    ):
        killer = Killer(fleet, leases, dice)
        enqueued(running, ids)
        while killer.kills < HOSTS_KILLS and _left(running):
            time.sleep(dice.uniform(2.0, 6.0))
            killer.kill("group")
        settle(running, HOSTS_RUNS, seconds=1200 if LONG else 300)
    audit(running)
    note(
        "kill of a whole host, or of a container",
        uploads=HOSTS_RUNS,
        completed_twice=completed_twice(running),
        **killer.figures(),
    )
    assert completed_twice(running) == 0


def _left(running: Cluster) -> int:
    over = "SELECT count(*) FROM uploads WHERE state IN ('LANDED', 'FAILED')"
    return int(running.scalar(f"SELECT count(*) - ({over}) FROM runs WHERE id > 100"))
