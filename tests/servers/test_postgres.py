import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy

from tests.servers.postgres import PostgresServer, postgres_server

START_AND_WAIT = """
from tests.servers.postgres import postgres_server
with postgres_server() as server:
    print(server.socket_directory, flush=True)
    input()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


def run(url: str, *statements: str) -> list[object]:
    """The first column of the last statement's rows."""
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        results = [connection.execute(sqlalchemy.text(statement)) for statement in statements]
        return list(results[-1].scalars())


def test_it_is_postgresql_18(server: PostgresServer) -> None:
    version = run(server.url("postgres"), "SELECT current_setting('server_version_num')::int")
    assert version[0] in range(180_000, 190_000)


def test_a_new_database_is_empty_though_another_is_not(server: PostgresServer) -> None:
    first, second = server.new_database(), server.new_database()
    run(first, "CREATE TABLE t (n int)", "INSERT INTO t VALUES (1) RETURNING n")
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    assert run(first, tables) == ["t"]
    assert run(second, tables) == []


def test_two_servers_run_at_once_and_know_nothing_of_each_other(server: PostgresServer) -> None:
    with postgres_server() as other:
        identity = "SELECT system_identifier FROM pg_control_system()"
        assert run(server.url("postgres"), identity) != run(other.url("postgres"), identity)


def test_it_starts_for_a_private_directory_and_leaves_it_private_and_empty(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    with postgres_server(private) as server:
        assert run(server.new_database(), "SELECT 1") == [1]
    assert private.stat().st_mode & 0o777 == 0o700
    assert list(private.iterdir()) == []


def test_its_data_are_deleted_when_it_stops() -> None:
    with postgres_server() as server:
        assert server.socket_directory.exists()
    assert not server.socket_directory.exists()


def test_it_is_stopped_and_deleted_when_its_process_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", START_AND_WAIT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as starter:
        assert starter.stdout is not None
        data = Path(starter.stdout.readline().strip())
        postmaster = int((data / "postmaster.pid").read_text().splitlines()[0])
        starter.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while data.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not data.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(postmaster, 0)
