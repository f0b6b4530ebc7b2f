"""Connections to the database or the broker that go silent, while new ones work or none does."""

import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import pytest

from tests.chaos.aftermath import aftermath
from tests.chaos.audit import audit, settle
from tests.chaos.conftest import LONG
from tests.chaos.figures import note
from tests.chaos.fleet import Fleet
from tests.chaos.runs import MIB, SLOWLY, make_runs, path_of
from tests.end_to_end.cluster import AS_SHIPPED, Cluster, cluster, eventually
from tests.servers.postgres import PostgresServer
from tests.servers.strict_bucket import Strict
from tests.servers.wire import CAN_DROP, Wire

SIDES = ["database", "broker"]
UPLOADS = 24
#: Seconds from the silence until something lands again, and from its end where nothing could.
GOES_ON_WITHIN, AFTER_IT_WITHIN = 30, 15
#: Seconds from SIGTERM on; Docker kills after 10.
STOPS_WITHIN = 10


@pytest.fixture
def wires() -> dict[str, Wire]:
    """Those of the cluster, to its database and its broker."""
    return {}


@pytest.fixture
def running(
    tmp_path: Path, strict: Strict, postgres: PostgresServer, wires: dict[str, Wire]
) -> Iterator[Cluster]:
    """A cluster whose workers reach database and broker over wires."""

    direct = postgres.new_database()
    with cluster(tmp_path, strict, direct, timing=AS_SHIPPED) as started, ExitStack() as stack:
        broker = urlsplit(started.broker_url)

        def to_broker() -> socket.socket:
            return socket.create_connection(("127.0.0.1", broker.port or 0))

        wires["database"] = stack.enter_context(Wire(postgres.connect))
        wires["broker"] = stack.enter_context(Wire(to_broker))
        started.database_url = postgres.wired(started.database_url, wires["database"].port)
        started.broker_url = started.broker_url.replace(
            f":{broker.port}/", f":{wires['broker'].port}/"
        )
        yield started


def landed(running: Cluster) -> int:
    return int(running.scalar("SELECT count(*) FROM uploads WHERE state = 'LANDED'"))


def begin(running: Cluster, dice: Random) -> None:
    for run_id in make_runs(running, UPLOADS, dice, largest=2 * MIB):
        running.send(12, run_id, path_of(running, run_id))
    eventually(lambda: landed(running) >= 4, "work is under way")


def seconds_until_two_more_land(running: Cluster) -> float:
    began, before = time.monotonic(), landed(running)
    # the first may have been beyond its last statement
    eventually(lambda: landed(running) >= before + 2, "work goes on")
    return time.monotonic() - began


@pytest.mark.parametrize("how", ["acknowledged", "dropped", "one way"] if LONG else ["one way"])
@pytest.mark.parametrize("side", SIDES)
def test_work_goes_on_soon_after_connections_went_silent(
    running: Cluster, wires: dict[str, Wire], side: str, how: str, dice: Random
) -> None:
    if how == "dropped" and not CAN_DROP:
        pytest.skip("nft is not installed, or we may not drop packets")
    silent: AbstractContextManager[None] = nullcontext()
    with Fleet(running, 2, environment=SLOWLY) as fleet:
        begin(running, dice)
        if how == "dropped":
            silent = wires[side].dropping()
        else:
            wires[side].silence(answers_alone=how == "one way")
        began_at = time.time()
        with silent:
            seconds = seconds_until_two_more_land(running)
            began = time.monotonic()
            settle(running, UPLOADS)
            rest = time.monotonic() - began
    audit(running)
    note(
        f"{side}: connections go silent, {how}",
        two_more_landed_after_seconds=round(seconds, 1),
        **aftermath(running, began_at),
        restarts=fleet.restarts,
    )
    assert seconds <= GOES_ON_WITHIN
    assert rest <= GOES_ON_WITHIN + UPLOADS


@pytest.mark.parametrize("side", SIDES if LONG else SIDES[:1])
def test_work_goes_on_soon_after_a_silence_of_all_connections(
    running: Cluster, wires: dict[str, Wire], side: str, dice: Random
) -> None:
    with Fleet(running, 2, environment=SLOWLY) as fleet:
        begin(running, dice)
        began_at = time.time()
        wires[side].silence(new_ones_too=True)
        time.sleep(20)
        wires[side].speak()
        seconds = seconds_until_two_more_land(running)
        settle(running, UPLOADS)
    audit(running)
    note(
        f"{side}: all connections silent for 20 s",
        two_more_landed_after_its_end_seconds=round(seconds, 1),
        **aftermath(running, began_at),
        restarts=fleet.restarts,
    )
    assert seconds <= AFTER_IT_WITHIN


@pytest.mark.parametrize("side", SIDES if LONG else SIDES[1:])
def test_a_worker_stops_in_time_while_nothing_answers(
    running: Cluster, wires: dict[str, Wire], side: str, dice: Random
) -> None:
    worker = running.start_worker(**SLOWLY)
    begin(running, dice)
    wires[side].silence(new_ones_too=True)
    time.sleep(2)
    began = time.monotonic()
    worker.terminate()
    worker.wait(timeout=90)
    seconds = time.monotonic() - began
    note(f"{side}: SIGTERM in its silence", seconds=round(seconds, 1))
    assert seconds <= STOPS_WITHIN
    wires[side].speak()
    running.start_worker(**SLOWLY)
    settle(running, UPLOADS)
    audit(running)
