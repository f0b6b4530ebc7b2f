"""A database that restarts, hangs, cuts connections, has none left, or takes no writes."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random

import psycopg
import pytest

from tests.chaos.aftermath import aftermath
from tests.chaos.audit import audit, settle
from tests.chaos.figures import note
from tests.chaos.fleet import Fleet
from tests.chaos.runs import MIB, SLOWLY, make_runs, path_of
from tests.end_to_end.cluster import AS_SHIPPED, Cluster, cluster, eventually
from tests.servers.postgres import PostgresServer, postgres_server
from tests.servers.strict_bucket import Strict


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """One that a test may break."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def running(tmp_path: Path, strict: Strict, own_postgres: PostgresServer) -> Iterator[Cluster]:
    with cluster(tmp_path, strict, own_postgres.new_database(), timing=AS_SHIPPED) as started:
        yield started


def restart(server: PostgresServer, _dice: Random) -> None:
    server.restart()


def hang_past_the_lease(server: PostgresServer, _dice: Random) -> None:
    stopped = []
    for pid in server.pids:
        with suppress(ProcessLookupError):  # a backend may end at any time
            os.kill(pid, signal.SIGSTOP)
            stopped.append(pid)
    time.sleep(10)
    for pid in stopped:
        with suppress(ProcessLookupError):  # or have ended, to be reaped by one that goes on
            os.kill(pid, signal.SIGCONT)


def cut_connections(server: PostgresServer, dice: Random) -> None:
    for _ in range(40):
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname LIKE 'test_%' AND random() < 0.5"
        )
        time.sleep(dice.uniform(0, 0.1))


def use_up_the_connections(server: PostgresServer, _dice: Random) -> None:
    with ExitStack() as held:
        try:
            while True:
                held.enter_context(
                    psycopg.connect(
                        host=str(server.socket_directory),
                        port=server.port,
                        user="postgres",
                        dbname="postgres",
                    )
                )
        except psycopg.OperationalError:
            time.sleep(5)


def take_no_writes(server: PostgresServer, _dice: Random) -> None:
    server.execute("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
    time.sleep(5)
    server.execute(
        "SET default_transaction_read_only = off",
        "ALTER SYSTEM RESET default_transaction_read_only",
        "SELECT pg_reload_conf()",
    )


@pytest.mark.parametrize(
    "trouble",
    [restart, hang_past_the_lease, cut_connections, use_up_the_connections, take_no_writes],
    ids=lambda trouble: trouble.__name__,
)
def test_a_database_in_trouble_loses_nothing(
    running: Cluster,
    own_postgres: PostgresServer,
    dice: Random,
    trouble: Callable[[PostgresServer, Random], None],
) -> None:
    ids = make_runs(running, 8, dice, largest=12 * MIB)
    with Fleet(running, 2, environment=SLOWLY) as fleet:
        for run_id in ids:
            running.send(12, run_id, path_of(running, run_id))
        eventually(
            lambda: running.scalar("SELECT count(*) FROM uploads WHERE state = 'UPLOADING'"),
            "something is under way",
        )
        running.engine.dispose()
        began = time.time()
        trouble(own_postgres, dice)
        lasted = time.time() - began
        settle(running, len(ids), seconds=120)
    audit(running)
    note(
        f"database: {trouble.__name__.replace('_', ' ')}",
        uploads=len(ids),
        lasted_seconds=round(lasted, 1),
        **aftermath(running, began),
        restarts=fleet.restarts,
    )
