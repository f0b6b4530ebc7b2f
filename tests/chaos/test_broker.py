"""A broker that dies, comes back empty, or answers nothing."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

import pytest

from tests.chaos.aftermath import aftermath
from tests.chaos.audit import all_over, audit, settle
from tests.chaos.conftest import LONG
from tests.chaos.figures import note
from tests.chaos.fleet import Fleet
from tests.chaos.runs import MIB, SLOWLY, make_runs, path_of
from tests.end_to_end.cluster import Cluster, eventually
from tests.servers.faults import Hang
from worker.models.upload import UploadState

ENQUEUE = """
import sys, time
from tasks import enqueue
for run_id in map(int, sys.argv[2:]):
    began = time.monotonic()
    enqueue(12, run_id, f"{sys.argv[1]}/RUN{run_id}")
    print(time.monotonic() - began, flush=True)
"""
#: Seconds from the broker's return until all that was asked for has landed.
LIMIT = 25


def kill(running: Cluster) -> None:
    process = running.broker._process
    assert process
    process.kill()
    process.wait()


def empty(running: Cluster) -> None:
    """Delete all data of the broker while it runs."""
    with running.broker.admin() as client:
        client.flushall()


def enqueuing(running: Cluster, ids: list[int]) -> "subprocess.Popen[str]":
    """A producer beside us; it prints how long each call took."""
    return subprocess.Popen(
        [sys.executable, "-c", ENQUEUE, str(running.results), *map(str, ids)],
        cwd=running.directory,
        env=running.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def enqueued(running: Cluster, ids: list[int]) -> list[float]:
    """The seconds that each call took."""
    with enqueuing(running, ids) as producer:
        printed, _ = producer.communicate(timeout=300)
    assert producer.returncode == 0
    return [float(line) for line in printed.split()]


def under_way(running: Cluster, count: int) -> bool:
    states = running.scalar("SELECT count(*) FROM uploads WHERE state = 'UPLOADING'")
    return bool(states >= count)


def idle(running: Cluster, ids: list[int], die: Callable[[], None]) -> None:
    die()
    enqueued(running, ids)


def one_busy(running: Cluster, ids: list[int], die: Callable[[], None]) -> None:
    busy(running, ids[:1], die)
    enqueued(running, ids[1:])


def all_busy(running: Cluster, ids: list[int], die: Callable[[], None]) -> None:
    busy(running, ids, die)


def busy(running: Cluster, ids: list[int], die: Callable[[], None]) -> None:
    running.strict.proxy.fault(lambda request: True, Hang(30))
    enqueued(running, ids)
    eventually(lambda: under_way(running, min(len(ids), 2)), "workers are busy")
    die()
    running.strict.proxy.mend()


def at_a_tasks_end(running: Cluster, ids: list[int], die: Callable[[], None]) -> None:
    running.strict.proxy.fault(lambda request: True, Hang(0.3), times=4)
    enqueued(running, ids)
    eventually(
        lambda: running.scalar("SELECT count(*) FROM uploads WHERE state = 'LANDED'"), "one landed"
    )
    die()


def while_publishing(running: Cluster, ids: list[int], die: Callable[[], None]) -> None:
    with enqueuing(running, ids) as producer:
        assert producer.stdout
        producer.stdout.readline()
        die()
        producer.communicate(timeout=300)
    assert producer.returncode == 0


MOMENTS = [idle, one_busy, all_busy, at_a_tasks_end, while_publishing]
KEPT, NONE, WIPED, EMPTIED = "append-only file", "no persistence", "wiped", "emptied as it runs"
ALL = [(moment, keeps) for moment in MOMENTS for keeps in (KEPT, NONE, WIPED, EMPTIED)]
FEW = [(all_busy, KEPT), (while_publishing, NONE), (at_a_tasks_end, WIPED), (all_busy, EMPTIED)]


@pytest.mark.parametrize(
    ("moment", "keeps"), ALL if LONG else FEW, ids=lambda v: getattr(v, "__name__", v)
)
def test_a_broker_that_loses_its_connections_or_its_data_loses_nothing(
    running: Cluster,
    dice: Random,
    moment: Callable[[Cluster, list[int], Callable[[], None]], None],
    keeps: str,
) -> None:
    if keeps == NONE:
        running.broker.appends = False
        running.broker.stop()
        running.broker.start()

    began = back_at = 0.0

    def die() -> None:
        nonlocal began, back_at
        began = time.time()
        if keeps == EMPTIED:
            empty(running)
            back_at = time.time()
            return
        kill(running)
        if keeps == WIPED:
            shutil.rmtree(running.directory / "broker" / "appendonlydir", ignore_errors=True)
        time.sleep(1)
        running.broker.start()
        back_at = time.time()

    ids = make_runs(running, 6, dice, largest=MIB)
    with Fleet(running, 1, environment=SLOWLY) as fleet:
        time.sleep(2)
        moment(running, ids, die)
        all_over(running, len(ids), 90)
        seconds = time.time() - back_at
        settle(running, len(ids))
    audit(running)
    note(
        f"broker {'emptied' if keeps == EMPTIED else 'killed'}, {moment.__name__}, {keeps}",
        **aftermath(running, began),
        restarts=fleet.restarts,
    )
    assert seconds <= LIMIT


def test_a_broker_that_answers_nothing_holds_up_no_producer_and_loses_nothing(
    running: Cluster, dice: Random
) -> None:
    ids = make_runs(running, 4, dice, largest=MIB)
    process = running.broker._process
    assert process
    with Fleet(running, 1, environment=SLOWLY) as fleet:
        enqueued(running, ids[:1])
        running.wait_for(12, ids[0])
        began = time.time()
        os.kill(process.pid, signal.SIGSTOP)
        took = enqueued(running, ids[1:])
        time.sleep(12 if LONG else 6)
        os.kill(process.pid, signal.SIGCONT)
        settle(running, len(ids))
    audit(running)
    assert max(took) < 30
    note(
        "enqueue while the broker hangs",
        longest_call_seconds=round(max(took), 1),
        **aftermath(running, began),
        restarts=fleet.restarts,
    )


def test_rows_without_any_message_land_while_the_broker_is_new(
    running: Cluster, dice: Random
) -> None:
    ids = make_runs(running, 5, dice, largest=MIB)
    with running.engine.begin() as connection:
        for run_id in ids:
            connection.exec_driver_sql(
                "INSERT INTO uploads (job_id, run_id, path) VALUES (12, %s, %s)",
                (run_id, path_of(running, run_id)),
            )
    with Fleet(running, 1, environment=SLOWLY):
        settle(running, len(ids))
        assert running.row(12, ids[0]).state is UploadState.LANDED  # type: ignore[union-attr]
    audit(running)


def refuses_writes(running: Cluster) -> Iterator[None]:
    """The broker is a replica of a server that is not there, as after a failover."""
    with running.broker.admin() as client:
        client.replicaof("127.0.0.1", "1")
        yield
        client.replicaof("NO", "ONE")


def is_full(running: Cluster) -> Iterator[None]:
    """The broker takes nothing that needs memory."""
    with running.broker.admin() as client:
        client.config_set("maxmemory", 1)
        yield
        client.config_set("maxmemory", 0)


@pytest.mark.parametrize("trouble", [refuses_writes, is_full], ids=lambda each: each.__name__)
def test_a_broker_that_refuses_stops_no_worker_and_loses_no_message_without_a_row(
    running: Cluster, dice: Random, trouble: Callable[[Cluster], Iterator[None]]
) -> None:
    ids = make_runs(running, 8, dice, largest=MIB)
    with Fleet(running, 1, environment=SLOWLY) as fleet:
        running.strict.proxy.fault(lambda request: True, Hang(30))
        for run_id in ids:
            running.send(12, run_id, path_of(running, run_id))
        eventually(lambda: under_way(running, 2), "the worker is busy")
        began = time.time()
        with contextmanager(trouble)(running):
            running.strict.proxy.mend()
            time.sleep(20)
        mended_at = time.monotonic()
        all_over(running, len(ids), 90)
        seconds = time.monotonic() - mended_at
        settle(running, len(ids))
    audit(running)
    note(
        f"broker {trouble.__name__.replace('_', ' ')} for 20 s",
        **aftermath(running, began),
        restarts=fleet.restarts,
    )
    assert fleet.restarts == 0
    assert seconds <= LIMIT
