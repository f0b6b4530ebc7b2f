"""`oneprefix up` alone, with its own broker and SQLite, killed in every way."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import text

from tests.chaos.audit import audit, completed_twice, settle
from tests.chaos.conftest import LONG
from tests.chaos.figures import note
from tests.chaos.fleet import Fleet
from tests.chaos.killer import Killer, Leases
from tests.chaos.runs import MIB, SLOWLY, make_runs, path_of
from tests.end_to_end.cluster import AS_SHIPPED, Cluster, cluster
from tests.servers.strict_bucket import Strict

RUNS, KILLS = (150, 30) if LONG else (20, 4)
UP = (sys.executable, "-P", "-c", "from cli.main import main; main()", "up")
OWN_BROKER = {"ONEPREFIX_BROKER_URL": ""}


@pytest.fixture
def running(tmp_path: Path, strict: Strict) -> Iterator[Cluster]:
    database = f"sqlite:///{tmp_path / 'test.db'}"
    with cluster(tmp_path, strict, database, timing=AS_SHIPPED) as started:
        yield started


@pytest.mark.timeout(1800)
def test_no_kill_of_up_or_of_what_it_has_started_loses_or_doubles_an_upload(
    running: Cluster, dice: Random
) -> None:
    ids = make_runs(running, RUNS, dice, largest=12 * MIB)
    with (
        Fleet(running, 1, command=UP, environment=SLOWLY | OWN_BROKER) as fleet,
        Leases(running) as leases,
    ):
        killer = Killer(fleet, leases, dice)
        with running.engine.begin() as connection:
            connection.execute(
                text("INSERT INTO uploads (job_id, run_id, path) VALUES (12, :run, :path)"),
                [{"run": each, "path": path_of(running, each)} for each in ids],
            )
        deadline = time.monotonic() + 600
        while killer.kills < KILLS and time.monotonic() < deadline:
            time.sleep(dice.uniform(0.5, 4.0))
            killer.kill(dice.choice(["child", "main", "group"]))
        settle(running, RUNS, seconds=900 if LONG else 240)
    audit(running)
    note(
        "`oneprefix up` on SQLite: kill of a child, or of all",
        uploads=RUNS,
        restarts=fleet.restarts,
        completed_twice=completed_twice(running),
        **killer.figures(),
    )
    assert completed_twice(running) == 0
