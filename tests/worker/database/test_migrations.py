"""The schema is made and brought up to date, once, on each kind of database."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from alembic.command import downgrade
from alembic.config import Config
from sqlalchemy import Engine, event, inspect, text
from sqlalchemy.exc import DBAPIError

from worker.database import schema as migrate_module
from worker.database.engine import make_engine
from worker.database.schema import upgrade_schema
from worker.database.tables import metadata
from worker.database.uploads.requests import SqlRequestRepository
from worker.database.uploads.upload_pages import SqlUploadPages
from worker.errors import DatabaseRefused
from worker.models.listing import UploadFilter
from worker.models.upload import UploadState
from worker.models.upload_request import UploadRequest


def execute(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_an_empty_database_gets_all_tables(empty_engine: Engine) -> None:
    upgrade_schema(empty_engine)
    assert set(inspect(empty_engine).get_table_names()) == {
        "jobs",
        "runs",
        "uploads",
        "follow_ups",
        "deletions",
        "job_orders",
        "oneprefix_version",
        "oneprefix_installation",
        "oneprefix_totals",
    }


def test_the_schema_has_every_column_that_the_code_names(engine: Engine) -> None:
    for table in metadata.sorted_tables:
        there = {column["name"] for column in inspect(engine).get_columns(table.name)}
        assert set(table.c.keys()) <= there


def test_migrating_again_changes_nothing(engine: Engine) -> None:
    SqlRequestRepository(engine).request(UploadRequest(12, 4, "/r/RUN4"), published=False)
    upgrade_schema(engine)
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM uploads")) == 1


def test_the_orchestrators_own_tables_are_left_as_they_are(empty_engine: Engine) -> None:
    execute(
        empty_engine,
        "CREATE TABLE jobs (id INTEGER PRIMARY KEY, created_at TIMESTAMP, owner TEXT)",
        "CREATE TABLE runs (id INTEGER PRIMARY KEY, job_id INTEGER, status TEXT,"
        " results_url TEXT, results_uploaded_at TIMESTAMP, mesh TEXT)",
        "CREATE TABLE alembic_version (version_num VARCHAR(32))",
        "INSERT INTO alembic_version VALUES ('theirs')",
    )
    before = {name: inspect(empty_engine).get_columns(name) for name in ("jobs", "runs")}
    upgrade_schema(empty_engine)
    found = inspect(empty_engine)
    assert [column["name"] for column in found.get_columns("jobs")] == [
        column["name"] for column in before["jobs"]
    ]
    assert len(found.get_columns("runs")) == len(before["runs"])
    assert "uploads" in found.get_table_names()
    with empty_engine.begin() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "theirs"


def test_tables_may_be_views(empty_engine: Engine) -> None:
    execute(
        empty_engine,
        "CREATE TABLE their_jobs (id INTEGER PRIMARY KEY, created_at TIMESTAMP)",
        "CREATE TABLE their_runs (id INTEGER PRIMARY KEY, job_id INTEGER, status TEXT)",
        "CREATE VIEW jobs AS SELECT * FROM their_jobs",
        "CREATE VIEW runs AS SELECT * FROM their_runs",
    )
    upgrade_schema(empty_engine)
    assert set(inspect(empty_engine).get_view_names()) == {"jobs", "runs"}


def test_going_back_drops_only_our_own_table(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate_module._MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        downgrade(config, "base")
    assert {"jobs", "runs"} <= set(inspect(engine).get_table_names())
    assert "uploads" not in inspect(engine).get_table_names()


def test_a_producer_needs_to_name_only_three_columns(engine: Engine) -> None:
    execute(engine, "INSERT INTO uploads (job_id, run_id, path) VALUES (12, 4, '/r/RUN4')")
    with engine.begin() as connection:
        row = connection.execute(text("SELECT * FROM uploads")).mappings().one()
    assert (row["state"], row["fence"], row["attempt"], row["bytes_done"]) == ("REQUESTED", 0, 0, 0)
    assert row["requested_at"] is not None
    assert row["published_at"] is None


@pytest.mark.parametrize(
    "values",
    [
        "(12, 4, '/again', 'REQUESTED')",
        "(NULL, 4, '/r', 'REQUESTED')",
        "(13, 4, NULL, 'REQUESTED')",
        "(13, 4, '/r', 'DONE')",
        "('thirteen', 4, '/r', 'REQUESTED')",
    ],
    ids=["second row of a run", "no job", "no path", "unknown state", "text for an id"],
)
def test_the_database_itself_refuses_a_row_that_makes_no_sense(engine: Engine, values: str) -> None:
    execute(engine, "INSERT INTO uploads (job_id, run_id, path) VALUES (12, 4, '/r/RUN4')")
    with pytest.raises(DBAPIError):
        execute(engine, f"INSERT INTO uploads (job_id, run_id, path, state) VALUES {values}")


def test_the_recovery_queries_have_indexes(engine: Engine) -> None:
    names = {index["name"] for index in inspect(engine).get_indexes("uploads")}
    assert {"uploads_requested", "uploads_retrying", "uploads_uploading"} <= names


LISTS: dict[str, Callable[[SqlUploadPages], object]] = {
    "uploads_failed": lambda pages: pages.listed(UploadFilter((UploadState.FAILED,)), limit=10),
    "uploads_landed": lambda pages: pages.landed_by_hour(24),
    "uploads_refused": lambda pages: pages.refusals(limit=10),
}


@pytest.mark.parametrize("index", LISTS)
def test_what_a_page_lists_is_found_by_an_index(engine: Engine, index: str) -> None:
    """A small table would be read through, so that PostgreSQL is told not to."""
    asked: list[tuple[str, Any]] = []

    @event.listens_for(engine, "before_cursor_execute")
    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    LISTS[index](SqlUploadPages(engine))
    statement, parameters = next(each for each in asked if "FROM uploads" in each[0])
    is_sqlite = engine.dialect.name == "sqlite"
    with engine.begin() as connection:
        if not is_sqlite:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        explain = "EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN "
        plan = connection.exec_driver_sql(explain + statement, parameters).all()
    assert index in str(plan), plan


def test_a_missing_schema_says_what_to_do(empty_engine: Engine) -> None:
    with pytest.raises(DatabaseRefused, match="oneprefix db upgrade"):
        SqlRequestRepository(empty_engine).request(UploadRequest(12, 4, "/r"), published=False)


def test_hosts_that_migrate_at_once_wait_for_each_other(database_url: str) -> None:
    def start(_: int) -> None:
        engine = make_engine(database_url)
        upgrade_schema(engine)
        engine.dispose()

    with ThreadPoolExecutor(4) as hosts:
        list(hosts.map(start, range(4)))


def test_a_schema_in_use_learns_of_cancelled_uploads_and_keeps_all_else(
    empty_engine: Engine,
) -> None:
    def indexes() -> set[str | None]:
        return {each["name"] for each in inspect(empty_engine).get_indexes("uploads")}

    upgrade_schema(empty_engine, "0003")
    execute(
        empty_engine,
        "INSERT INTO uploads (job_id, run_id, path, error) VALUES (12, 4, '/r/RUN4', 'why')",
        "CREATE VIEW failing AS SELECT * FROM uploads WHERE error IS NOT NULL",
    )
    before = indexes()
    upgrade_schema(empty_engine)
    assert indexes() >= before
    with empty_engine.begin() as connection:
        [row] = connection.execute(text("SELECT path, state, error FROM failing"))
    assert tuple(row) == ("/r/RUN4", "REQUESTED", "why")
    execute(empty_engine, "UPDATE uploads SET state = 'CANCELLED'")
    with pytest.raises(DBAPIError):
        execute(empty_engine, "UPDATE uploads SET state = 'DONE'")
    with pytest.raises(DBAPIError):
        execute(empty_engine, "INSERT INTO uploads (path, state) VALUES ('/r', 'REQUESTED')")
