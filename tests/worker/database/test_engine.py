"""How engines for PostgreSQL and SQLite are set up, and which of our errors theirs become."""

import socket
import time
import traceback
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from tests.servers.postgres import PostgresServer
from worker.database.engine import make_engine, transaction, unlimited
from worker.database.errors import translated_sql_errors
from worker.database.schema import upgrade_schema
from worker.database.uploads.requests import SqlRequestRepository
from worker.errors import DatabaseRefused, DatabaseUnavailable, InvalidSettings
from worker.models.upload_request import UploadRequest

SECRET = "hunter2"


def test_sqlite_survives_a_power_cut_and_many_writers(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'test.db'}")
    with engine.begin() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA synchronous")) == 2
        assert connection.scalar(text("PRAGMA busy_timeout")) == 15_000
    engine.dispose()


def test_postgresql_sessions_are_in_utc(postgres: PostgresServer) -> None:
    engine = make_engine(postgres.new_database())
    with engine.begin() as connection:
        assert connection.scalar(text("SHOW timezone")) == "UTC"
    engine.dispose()


@pytest.mark.parametrize(
    "scheme", ["postgresql", "postgresql+psycopg", "postgresql+psycopg2", "postgres"]
)
def test_postgresql_is_reached_through_psycopg_3(scheme: str) -> None:
    assert make_engine(f"{scheme}://u:p@h/d").url.drivername == "postgresql+psycopg"


def test_a_path_of_sqlite_may_hold_what_separates_a_password(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/ada@solver:3.db")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (id INTEGER)"))
    engine.dispose()
    assert (tmp_path / "ada@solver:3.db").exists()


def test_each_connection_asks_for_a_password_of_its_own(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    asked = tmp_path / "asked"
    command = f"sh -c 'echo once >> {asked}; echo token'"
    engine = make_engine(postgres.new_database(), password_command=command)
    with engine.connect() as one, engine.connect() as another:
        drivers: list[Any] = [each.connection.driver_connection for each in (one, another)]
        assert [each.info.password for each in drivers] == ["token", "token"]
    engine.dispose()
    assert asked.read_text() == "once\nonce\n"


def test_a_password_that_can_not_be_had_makes_the_database_unavailable() -> None:
    engine = make_engine("postgresql://h/d", password_command="sh -c 'echo no role >&2; exit 1'")
    with pytest.raises(DatabaseUnavailable, match="DATABASE_PASSWORD_COMMAND: no role"):
        SqlRequestRepository(engine).request(UploadRequest(12, 4, "/r"), published=True)


@pytest.mark.parametrize("url", [f"mysql://u:{SECRET}@h/d", f"no url {SECRET}", ""])
def test_a_url_that_names_no_database_of_ours_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(InvalidSettings, match="ONEPREFIX_DATABASE_URL") as refusal:
        make_engine(url)
    assert SECRET not in str(refusal.value)


def test_a_database_that_is_not_there_is_unavailable() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        engine = make_engine(f"postgresql://user:{SECRET}@127.0.0.1:{port}/d")
        with pytest.raises(DatabaseUnavailable) as error:
            SqlRequestRepository(engine).request(UploadRequest(12, 4, "/r"), published=True)
    assert "\n" not in str(error.value)
    assert SECRET not in "".join(traceback.format_exception(error.value))


def test_a_connection_that_the_server_ended_is_replaced(postgres: PostgresServer) -> None:
    engine = make_engine(postgres.new_database())
    with engine.begin() as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
    other = make_engine(postgres.new_database())
    with other.begin() as connection:
        # it ends a moment after it was told
        connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    with translated_sql_errors(), engine.begin() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    for each in (engine, other):
        each.dispose()


def test_a_connection_is_tried_after_a_rest_and_not_between_transactions(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(postgres.new_database())
    tried: list[object] = []
    ping = engine.dialect.do_ping

    def noted(connection: object) -> bool:
        tried.append(connection)
        return ping(connection)  # type: ignore[arg-type]  # it is the driver's

    monkeypatch.setattr(engine.dialect, "do_ping", noted)
    for _ in range(3):
        with transaction(engine) as connection:
            connection.scalar(text("SELECT 1"))
    assert tried == []
    monkeypatch.setattr("worker.database.engine.FRESH", 0)
    with transaction(engine) as connection:
        connection.scalar(text("SELECT 1"))
    assert len(tried) == 1
    engine.dispose()


def test_a_connection_cut_in_a_transaction_is_unavailable(postgres: PostgresServer) -> None:
    engine = make_engine(postgres.new_database())
    with pytest.raises(DatabaseUnavailable), translated_sql_errors(), engine.begin() as connection:
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    engine.dispose()


def test_a_wrong_statement_is_refused_in_one_line(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'test.db'}")
    with (
        pytest.raises(DatabaseRefused) as error,
        translated_sql_errors(),
        engine.begin() as connection,
    ):
        connection.execute(text("INSERT INTO nowhere VALUES (:x)"), {"x": SECRET})
    assert "\n" not in str(error.value)
    assert SECRET not in "".join(traceback.format_exception(error.value))
    engine.dispose()


def test_a_missing_privilege_is_not_taken_for_a_missing_schema(postgres: PostgresServer) -> None:
    engine = make_engine(postgres.new_database())
    upgrade_schema(engine)
    role = f"role_{uuid4().hex}"
    with engine.begin() as connection:
        connection.execute(text(f"CREATE ROLE {role}"))
        connection.execute(text(f"SET SESSION ROLE {role}"))
    with pytest.raises(DatabaseRefused, match="permission denied") as error:
        SqlRequestRepository(engine).request(UploadRequest(12, 4, "/r"), published=True)
    assert "db upgrade" not in str(error.value)
    engine.dispose()


def test_no_statement_is_kept_on_the_server(postgres: PostgresServer) -> None:
    engine = make_engine(postgres.new_database())
    for _ in range(10):
        with engine.begin() as connection:
            connection.execute(text("SELECT 1"))
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM pg_prepared_statements")) == 0
    engine.dispose()


def test_a_locked_sqlite_file_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.database.engine.BUSY_TIMEOUT", 0.1)
    url = f"sqlite:///{tmp_path / 'test.db'}"
    engine, other = make_engine(url), make_engine(url)
    with engine.begin(), pytest.raises(DatabaseUnavailable, match="locked"):  # noqa: SIM117
        with translated_sql_errors(), other.begin():
            pass
    for each in (engine, other):
        each.dispose()


def test_a_statement_that_is_not_answered_in_time_gives_its_connection_up(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(postgres.new_database())
    with transaction(engine) as connection:
        driver = type(connection.connection.dbapi_connection)
    monkeypatch.setattr(driver, "answer_timeout", 0.3)
    began = time.monotonic()
    gives_up = pytest.raises(DatabaseUnavailable, match=r"no answer within 0.3 s")
    with gives_up, transaction(engine) as connection:
        connection.execute(text("SELECT pg_sleep(30)"))
    assert time.monotonic() - began < 10
    with transaction(engine) as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    engine.dispose()


def test_a_migration_may_take_its_time(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(postgres.new_database())
    with transaction(engine) as connection:
        driver = type(connection.connection.dbapi_connection)
        monkeypatch.setattr(driver, "answer_timeout", 0.3)
        unlimited(connection)
        connection.execute(text("SELECT pg_sleep(0.6)"))
    engine.dispose()
