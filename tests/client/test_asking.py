"""The producers' client, on each kind of database."""

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import oneprefix
import pytest
from oneprefix import Upload, cancel, enqueue, enqueue_many, status, wait
from oneprefix.database import engine_of
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

from tests.servers.postgres import PostgresServer
from worker.database.engine import make_engine


def execute(url: str, statement: str, **values: Any) -> None:
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(text(statement), values)
    engine.dispose()


def end(url: str, run_id: int, state: str) -> None:
    execute(url, "UPDATE uploads SET state = :state WHERE run_id = :run", state=state, run=run_id)


def test_importing_it_imports_neither_sqlalchemy_nor_celery_nor_the_workers() -> None:
    script = "import oneprefix, sys; print({'sqlalchemy', 'celery', 'worker'} & {*sys.modules})"
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert told.stdout == "set()\n"


def test_a_request_has_its_row_once_it_returns(url: str) -> None:
    made = enqueue(12, 4, Path("/r/RUN4"), database=url)
    assert (made.job_id, made.run_id, made.path, made.state) == (12, 4, "/r/RUN4", "REQUESTED")
    assert made.requested_at
    assert abs(made.requested_at - datetime.now(UTC)) < timedelta(minutes=5)
    assert status(12, 4, database=url) == made
    assert status(12, 5, database=url) is None
    assert enqueue(12, 4, "/r/RUN4", database=url) == made


def test_the_environment_names_the_database(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(oneprefix.InvalidSettings, match="ONEPREFIX_DATABASE_URL is not set"):
        enqueue(12, 4, "/r/RUN4")
    monkeypatch.setenv("ONEPREFIX_DATABASE_URL", url)
    assert enqueue(12, 4, "/r/RUN4").state == "REQUESTED"


def test_urls_may_begin_as_libpq_has_them(url: str) -> None:
    if url.startswith("postgresql"):
        plain = url.replace("postgresql+psycopg://", "postgresql://")
        for each in (plain, plain.replace("postgresql://", "postgres://")):
            assert enqueue(12, 4, "/r/RUN4", database=each).state == "REQUESTED"
            engine_of(each).dispose()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((0, 4, "/r"), "job id must be a positive integer, not 0"),
        ((12, True, "/r"), "run id must be a positive integer"),
        ((12, "4", "/r"), "run id must be a positive integer"),
        ((12, 2**63, "/r"), "run id must be below 2"),
        ((12, 4, "RUN4"), "path is not absolute"),
        ((12, 4, "/r/../etc"), "path holds '..'"),
        ((12, 4, ""), "path is empty"),
        ((12, 4, "/r\0"), "path holds a NUL"),
        ((12, 4, "/\ud800"), "path is not valid Unicode"),
        ((12, 4, "/" + "x" * 4095), "path is longer than 4095 bytes"),
        ((12, 4, b"/r"), "path must be a string"),
    ],
)
def test_what_is_no_request_is_refused(arguments: tuple[Any, ...], reason: str) -> None:
    with pytest.raises(oneprefix.InvalidRequest, match=reason):
        enqueue(*arguments, database="sqlite:////nowhere/x.db")


@pytest.mark.parametrize(
    "wrong",
    [
        {"replace": 1},
        {"countdown": "soon"},
        {"countdown": float("nan")},
        {"expires": True},
        {"countdown": 1, "eta": datetime(2099, 1, 1)},
    ],
    ids=str,
)
def test_wrong_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(oneprefix.InvalidRequest):
        enqueue(12, 4, "/r", database="sqlite:////nowhere/x.db", **wrong)


def test_later_and_not_for_ever(url: str) -> None:
    made = enqueue(12, 4, "/r/RUN4", countdown=600, expires=86400, database=url)
    assert made.next_attempt_at
    assert made.expires_at
    waits = made.next_attempt_at - datetime.now(UTC)
    assert abs(waits - timedelta(seconds=600)) < timedelta(minutes=1)
    naive = datetime(2099, 1, 1)
    assert enqueue(12, 5, "/r/RUN5", eta=naive, database=url).next_attempt_at == naive.replace(
        tzinfo=UTC
    )


@pytest.mark.parametrize("of_orm", [True, False])
def test_it_joins_the_programs_own_transaction(url: str, of_orm: bool) -> None:
    engine: Engine = create_engine(url)
    for ends, there in (("rollback", None), ("commit", "REQUESTED")):
        with Session(engine) if of_orm else engine.connect() as joined:
            made = enqueue(12, 4, "/r/RUN4", session=joined)
            assert made.state == "REQUESTED"
            # no message follows: recovery is not to wait for one
            assert made.next_attempt_at
            getattr(joined, ends)()
        found = status(12, 4, database=engine)
        assert (found and found.state) == there
    engine.dispose()


def test_ten_thousand_runs_are_requested_together(url: str) -> None:
    execute(url, "INSERT INTO uploads (job_id, run_id, path) VALUES (12, 7, '/r/OLD')")
    execute(
        url,
        "INSERT INTO uploads (job_id, run_id, path, state, landed_at)"
        " VALUES (12, 8, '/r/RUN8', 'LANDED', '2025-10-23 21:15:00')",
    )
    paths: dict[Any, Any] = {run: f"/r/RUN{run}" for run in range(1, 10_001)}
    begun = time.monotonic()
    made = enqueue_many(12, paths | {0: "/r/RUN0", 10_001: "RUN"}, database=url)
    assert time.monotonic() - begun < 30
    assert len(made.uploads) == 10_000
    assert made.uploads[7].path == "/r/RUN7"
    assert made.uploads[8].state == "LANDED"
    assert set(made.refused) == {0, 10_001}
    assert "path is not absolute" in made.refused[10_001]
    assert len(status(12, database=url)) == 10_000


def test_nothing_to_request_is_no_request() -> None:
    assert enqueue_many(12, {}, database="sqlite:////nowhere/x.db").uploads == {}


def test_it_waits_until_all_are_over(url: str) -> None:
    enqueue_many(12, [(4, "/r/RUN4"), (5, "/r/RUN5")], database=url)
    end(url, 4, "LANDED")
    assert wait(12, 4, timeout=5, database=url).state == "LANDED"
    with pytest.raises(oneprefix.StillUnderWay, match=r"job 12: .* 1 of 2 not over, run 5"):
        wait(12, timeout=0.1, poll=0.05, database=url)
    with pytest.raises(TimeoutError, match=r"job 12, run 6: .* nobody has asked for it"):
        wait(12, 6, timeout=0.1, poll=0.05, database=url)
    end(url, 5, "FAILED")
    assert [each.state for each in wait(12, timeout=5, database=url)] == ["LANDED", "FAILED"]


def test_it_cancels_what_is_not_over(url: str) -> None:
    enqueue_many(12, {4: "/r/RUN4", 5: "/r/RUN5"}, database=url)
    end(url, 4, "LANDED")
    [cancelled] = cancel(12, who="ada@lab", database=url)
    assert (cancelled.run_id, cancelled.state) == (5, "CANCELLED")
    assert cancelled.error == "cancelled by ada@lab"
    assert cancel(12, 5, database=url) == []
    assert enqueue(12, 5, "/r/RUN5", database=url).state == "REQUESTED"


def test_a_database_without_the_tables_is_no_outage(tmp_path: Path) -> None:
    with pytest.raises(oneprefix.DatabaseRefused, match="no such table"):
        enqueue(12, 4, "/r", database=f"sqlite:///{tmp_path / 'x.db'}", spool=tmp_path)


@pytest.mark.parametrize(
    "url", ["mysql://ada:secret@h/d", "nonsense secret", "postgresql://ada:secret@h:port/d"]
)
def test_no_error_tells_a_password(url: str) -> None:
    with pytest.raises(oneprefix.OneprefixError) as caught:
        enqueue(12, 4, "/r", database=url)
    assert "secret" not in str(caught.value)


def test_uploads_are_values() -> None:
    assert Upload(12, 4, "/r") == Upload(12, 4, "/r")
    assert hash(Upload(12, 4, "/r"))


def test_a_wait_lasts_until_its_timeout_however_seldom_it_looks(url: str) -> None:
    begun = time.monotonic()
    with pytest.raises(oneprefix.StillUnderWay):
        wait(12, 4, timeout=0.2, poll=5, database=url)
    assert 0.2 <= time.monotonic() - begun < 4


def test_years_before_1000_are_times(url: str) -> None:
    early = datetime(1, 2, 3, tzinfo=UTC)
    assert enqueue(12, 4, "/r/RUN4", eta=early, database=url).next_attempt_at == early


@pytest.mark.parametrize("driver", ["nonsense", "pg8000", "asyncpg"])
def test_a_driver_that_can_not_be_used_is_told(driver: str) -> None:
    with pytest.raises(oneprefix.InvalidSettings, match=driver):
        enqueue(12, 4, "/r", database=f"postgresql+{driver}://127.0.0.1:1/d")


def test_it_prepares_no_statements_since_a_pooler_mixes_them_up(postgres: PostgresServer) -> None:
    engine = engine_of(postgres.new_database())
    with engine.begin() as connection:
        for _ in range(10):
            connection.execute(text("SELECT 1"))
        prepared = connection.execute(text("SELECT count(*) FROM pg_prepared_statements"))
        assert prepared.scalar() == 0
    engine.dispose()
