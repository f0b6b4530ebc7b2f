"""Producers that ask for the same again and again, at once."""

import time
from concurrent.futures import ThreadPoolExecutor
from random import Random

from tests.chaos.audit import audit, completed_twice, settle
from tests.chaos.figures import note
from tests.chaos.fleet import Fleet
from tests.chaos.runs import MIB, make_run
from tests.chaos.test_broker import enqueued
from tests.end_to_end.cluster import Cluster, eventually

TIMES, PRODUCERS = 50, 10


def ask_often(running: Cluster) -> None:
    """By messages alone, by calls, and by both at once."""
    path = str(running.results / "RUN4")
    with ThreadPoolExecutor(PRODUCERS) as producers:
        sent = [producers.submit(running.send, 12, 4, path) for _ in range(TIMES)]
        called = [producers.submit(enqueued, running, [4, 4]) for _ in range(2)]
        for message in sent:
            message.result()
        for call in called:
            call.result()


def test_a_run_that_is_asked_for_fifty_times_at_once_lands_once(
    running: Cluster, dice: Random
) -> None:
    make_run(running.results / "RUN4", 30 * MIB, dice)
    with Fleet(running, 3, environment={"ONEPREFIX_BANDWIDTH_MIB": "4"}):
        ask_often(running)  # before
        eventually(
            lambda: running.scalar("SELECT count(*) FROM uploads WHERE state = 'UPLOADING'"),
            "it is under way",
        )
        ask_often(running)  # meanwhile
        settle(running, 1)
        landed_at = running.scalar("SELECT landed_at FROM uploads")
        ask_often(running)  # afterwards
        time.sleep(3)
        settle(running, 1)
    audit(running)
    assert running.scalar("SELECT landed_at FROM uploads") == landed_at
    assert running.scalar("SELECT count(*) FROM uploads") == 1
    assert running.scalar("SELECT attempt FROM uploads") == 1
    assert completed_twice(running) == 0
    note("one run asked for 162 times", landed=1)
