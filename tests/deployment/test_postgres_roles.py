"""What the roles of `deploy/postgres-roles.sql` may not do, and what others than workers may."""

import pytest
import sqlalchemy
from sqlalchemy.exc import ProgrammingError

from tests.end_to_end.cluster import CREATED_AT
from tests.servers.postgres import PostgresServer, with_least_rights
from worker.database.engine import make_engine
from worker.database.jobs import add_job
from worker.database.schema import upgrade_schema
from worker.database.snapshot import SqlSnapshot
from worker.database.tables import metadata
from worker.models.upload import UploadState

NOBODYS = [
    "DELETE FROM uploads",
    "DELETE FROM runs",
    "TRUNCATE uploads",
    "DROP TABLE uploads",
    "ALTER TABLE uploads DROP COLUMN path",
    "CREATE TABLE theirs (id int)",
    "CREATE RULE r AS ON UPDATE TO uploads DO INSTEAD NOTHING",
    "UPDATE runs SET job_id = 13",
    "UPDATE jobs SET created_at = now()",
    "INSERT INTO jobs DEFAULT VALUES",
    "INSERT INTO runs (id, job_id) VALUES (7, 12)",
    "SELECT secret FROM jobs",
    "UPDATE oneprefix_version SET version_num = '0001'",
    "COPY uploads TO PROGRAM 'cat'",
    "SELECT pg_read_file('/etc/passwd')",
]
NOT_A_PRODUCERS = [
    "UPDATE uploads SET results_url = 's3://theirs'",
    "UPDATE uploads SET s3_key = 'jobs/13/x'",
    "UPDATE uploads SET landed_at = now()",
    "INSERT INTO uploads (job_id, run_id, path, state) VALUES (12, 6, '/r/RUN6', 'LANDED')",
    "UPDATE runs SET results_url = 's3://theirs'",
    "SELECT * FROM job_orders",
    "INSERT INTO job_orders (id, kind, arguments) VALUES ('a', 'delete', '{}')",
    "SELECT * FROM deletions",
    "SELECT * FROM oneprefix_totals",
    "INSERT INTO oneprefix_totals VALUES (DEFAULT, 'uploads', 'LANDED', 1, 1, 1)",
    "SELECT uploads_deleted()",
]
NOT_A_READERS = [
    "INSERT INTO uploads (job_id, run_id, path) VALUES (12, 6, '/r/RUN6')",
    "UPDATE uploads SET state = 'CANCELLED'",
    "UPDATE runs SET status = 'DONE'",
    "INSERT INTO deletions (job_id) VALUES (12)",
    "UPDATE job_orders SET state = 'CANCELLED'",
    "DELETE FROM oneprefix_totals",
]


@pytest.fixture(scope="module")
def owners_url(postgres: PostgresServer) -> str:
    url = postgres.new_database()
    engine = make_engine(url)
    upgrade_schema(engine)
    add_job(engine, 12, CREATED_AT, [4, 5, 6])
    with engine.begin() as connection:  # an orchestrator has columns of its own
        connection.execute(sqlalchemy.text("ALTER TABLE jobs ADD COLUMN secret text"))
    engine.dispose()
    return url


def refused(url: str, statement: str) -> bool:
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)
    except ProgrammingError as error:
        return any(word in str(error) for word in ("permission denied", "must be owner"))
    return False


@pytest.mark.parametrize("role", ["worker", "producer", "reader"])
def test_nobody_but_the_owner_deletes_or_changes_a_table_or_writes_the_orchestrators(
    owners_url: str, role: str
) -> None:
    url = with_least_rights(owners_url, role)
    assert [each for each in NOBODYS if not refused(url, each)] == []


def test_a_producer_requests_and_can_not_say_that_something_has_landed(owners_url: str) -> None:
    url = with_least_rights(owners_url, "producer")
    assert [each for each in NOT_A_PRODUCERS if not refused(url, each)] == []
    assert not refused(url, "INSERT INTO uploads (job_id, run_id, path) VALUES (12, 4, '/r/RUN4')")


def test_what_a_producer_does_is_counted_though_it_may_not_count(owners_url: str) -> None:
    url = with_least_rights(owners_url, "producer")
    for statement in (
        "INSERT INTO uploads (job_id, run_id, path) VALUES (12, 5, '/r/RUN5')",
        "UPDATE uploads SET state = 'CANCELLED' WHERE run_id = 5",
        "UPDATE uploads SET state = 'REQUESTED' WHERE run_id = 5",
    ):
        assert not refused(url, statement)
    engine = make_engine(owners_url)
    cancelled = SqlSnapshot(engine).read().ended_uploads[UploadState.CANCELLED]
    engine.dispose()
    assert (cancelled.ever, cancelled.present) == (1, 0)


def test_a_reader_sees_our_tables_and_writes_none(owners_url: str) -> None:
    url = with_least_rights(owners_url, "reader")
    assert [each for each in NOT_A_READERS if not refused(url, each)] == []
    for table in metadata.tables.values():
        columns = ", ".join(column.name for column in table.columns)
        assert not refused(url, f"SELECT {columns} FROM {table.name}"), table.name


def test_the_roles_can_be_given_once_more_after_each_upgrade(owners_url: str) -> None:
    assert with_least_rights(owners_url, "worker") == with_least_rights(owners_url, "worker")


def test_updated_at_of_runs_may_be_written_where_it_exists(
    postgres: PostgresServer,
) -> None:
    url = postgres.new_database()
    engine = make_engine(url)
    upgrade_schema(engine)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("ALTER TABLE runs ADD COLUMN updated_at timestamptz"))
    engine.dispose()
    assert not refused(with_least_rights(url, "worker"), "UPDATE runs SET updated_at = now()")
