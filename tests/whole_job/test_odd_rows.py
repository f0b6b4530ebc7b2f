"""Rows that somebody has written by hand are shown, or said to be wrong in a line."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from tests.whole_job.conftest import Installation
from worker.database.engine import make_engine
from worker.database.jobs import add_job
from worker.database.schema import upgrade_schema
from worker.database.uploads.outbox import SqlOutbox

#: Times that no datetime of Python's holds, as each database takes them.
TIMES = {
    "postgresql": ["infinity", "-infinity", "0044-03-15 12:00:00+00 BC", "12026-01-01 00:00:00+00"],
    "sqlite": ["infinity", "-infinity", "-0044-03-15 12:00:00", "12026-01-01", "", "soon"],
}
COLUMNS = (
    "lease_until",
    "next_attempt_at",
    "expires_at",
    "published_at",
    "landed_at",
    "updated_at",
)
JOB = 100


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url)
    upgrade_schema(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def url(database_url: str) -> dict[str, str]:
    return {"ONEPREFIX_DATABASE_URL": database_url}


def times(engine: Engine) -> list[str]:
    return TIMES[engine.dialect.name]


def run(engine: Engine, statement: str, **values: object) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement), values)


def require_no_traceback(installed: Installation, url: dict[str, str], *arguments: str) -> str:
    answer = installed.oneprefix(*arguments, **url)
    shown = answer.out + answer.err
    assert "Traceback" not in shown, (arguments, shown)
    return shown


@pytest.mark.parametrize("upstream", ["moto"], indirect=True)
class TestOddRows:
    def test_times_of_uploads_that_nothing_holds_break_no_command(
        self, installed: Installation, engine: Engine, url: dict[str, str]
    ) -> None:
        add_job(engine, 12, installed.prefix.timestamp, range(1, 200))
        number = 1
        for state in ("REQUESTED", "UPLOADING", "RETRYING", "LANDED", "FAILED", "CANCELLED"):
            for odd in times(engine):
                statement = (
                    f"INSERT INTO uploads (job_id, run_id, path, state, {', '.join(COLUMNS)})"
                    f" VALUES (12, {number}, '/r', '{state}', {', '.join([':odd'] * 6)})"
                )
                run(engine, statement, odd=odd)
                number += 1
        shown = require_no_traceback(installed, url, "status", "12", "--json")
        assert shown.count('"run_id"') == number - 1
        for command in ("status", "failed", "ls 12", "verify 12", "urls 12", "cancel 12 1"):
            require_no_traceback(installed, url, *command.split())
        require_no_traceback(installed, url, "retry", "--all")
        outbox = SqlOutbox(engine, grace=5, republish=300)
        for row in outbox.due():
            outbox.take(row, task_id="x")

    def test_a_job_without_a_usable_time_is_told_of(
        self, installed: Installation, engine: Engine, url: dict[str, str]
    ) -> None:
        for number, odd in enumerate(times(engine), JOB):
            run(engine, "INSERT INTO jobs (id, created_at) VALUES (:id, :odd)", id=number, odd=odd)
            for command in ("ls", "urls", "verify", "delete --yes", "archive --yes", "migrate"):
                name, *options = command.split()
                shown = require_no_traceback(installed, url, name, str(number), *options)
                assert f"job {number}: its created_at is" in shown, (odd, command, shown)

    def test_what_is_no_json_is_shown_as_it_is(
        self, installed: Installation, engine: Engine, url: dict[str, str]
    ) -> None:
        add_job(engine, 12, installed.prefix.timestamp, [1, 2, 3])
        for number, odd in enumerate(["{", "7", '"x"'], 1):
            run(
                engine,
                "INSERT INTO uploads (job_id, run_id, path, state, left_out)"
                " VALUES (12, :run, '/r', 'FAILED', :odd)",
                run=number,
                odd=odd,
            )
            run(
                engine,
                "INSERT INTO job_orders (id, kind, job_id, arguments, state, result)"
                " VALUES (:id, 'verify', 12, :odd, 'DONE', :odd)",
                id=f"order {number}",
                odd=odd,
            )
        shown = require_no_traceback(installed, url, "status", "12", "--json")
        assert '"left_out": ["{"]' in shown
        assert '"left_out": ["7"]' in shown
        for command in ("status 12", "failed --json", "orders show", "orders show --json"):
            require_no_traceback(installed, url, *command.split())
