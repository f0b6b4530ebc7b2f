"""The worker against an orchestrator's existing tables, as they may be."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from tests.servers.postgres import PostgresServer
from worker.database.engine import make_engine
from worker.database.inventory import SqlInventory
from worker.database.jobs import SqlJobRepository, SqlRunRepository
from worker.database.result_locations import SqlResultLocations
from worker.database.schema import upgrade_schema
from worker.database.uploads.attempts import SqlUploadRepository
from worker.database.uploads.requests import SqlRequestRepository
from worker.errors import DatabaseRefused, JobNotFound, JobUnusable, RunNotFound
from worker.models.job import Run
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.upload import UploadState
from worker.models.upload_request import UploadRequest

PREFIX = "jobs/12/2025/10/23/211500"
URL = "https://bucket.s3.amazonaws.com/jobs/12/…"


@pytest.fixture(params=["America/New_York", "Asia/Kolkata"])
def session_zone(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["enum", "varchar"])
def status_type(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["timestamp", "timestamptz"])
def time_type(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def theirs(
    postgres: PostgresServer, session_zone: str, status_type: str, time_type: str
) -> Iterator[Engine]:
    """An orchestrator's PostgreSQL, whose sessions are in another zone."""
    url = postgres.new_database()
    engine = make_engine(url)
    with engine.begin() as connection:
        name = connection.scalar(text("SELECT current_database()"))
        connection.execute(text(f"ALTER DATABASE {name} SET timezone = '{session_zone}'"))
        connection.execute(text("CREATE TYPE run_status AS ENUM ('RUNNING', 'DONE', 'FAILED')"))
        kind = "run_status" if status_type == "enum" else "varchar(20)"
        connection.execute(
            text(f"CREATE TABLE jobs (id int PRIMARY KEY, created_at {time_type}, owner text)")
        )
        connection.execute(
            text(
                "CREATE TABLE runs (id int PRIMARY KEY, job_id int REFERENCES jobs,"
                f" status {kind} NOT NULL, mesh text, results_url varchar(500),"
                f" results_uploaded_at {time_type})"
            )
        )
        written = "2025-10-23 21:15:00" + ("+00" if time_type == "timestamptz" else "")
        connection.execute(text(f"INSERT INTO jobs VALUES (12, '{written}', 'ada')"))
        connection.execute(text("INSERT INTO runs VALUES (4, 12, 'RUNNING', 'fine')"))
    engine.dispose()  # the next sessions begin in the database's zone
    upgrade_schema(engine)
    yield engine
    engine.dispose()


def test_the_prefix_is_the_same_however_the_creation_time_is_kept(theirs: Engine) -> None:
    job = SqlJobRepository(theirs).get(12)
    assert JobS3Prefix.from_job(job).base_prefix == PREFIX


def test_landing_writes_the_runs_three_columns_and_nothing_else(
    theirs: Engine, time_type: str
) -> None:
    SqlRequestRepository(theirs).request(UploadRequest(12, 4, "/r/RUN4"), published=True)
    uploads = SqlUploadRepository(theirs)
    claimed = uploads.claim(12, 4, owner="me", lease=30)
    assert claimed
    uploads.land(claimed, results_url=URL)
    with theirs.begin() as connection:
        run = connection.execute(text("SELECT *, status::text AS said FROM runs")).one()
        upload = connection.execute(text("SELECT state, results_url FROM uploads")).one()
    assert (run.said, run.results_url, run.mesh, run.job_id) == ("DONE", URL, "fine", 12)
    at = run.results_uploaded_at
    assert (at.tzinfo is None) == (time_type == "timestamp")
    assert abs(datetime.now(UTC) - at.replace(tzinfo=at.tzinfo or UTC)) < timedelta(minutes=1)
    assert tuple(upload) == (UploadState.LANDED, URL)
    assert SqlRunRepository(theirs).get(4).status == "DONE"


def test_moved_results_keep_the_instant_at_which_they_landed(theirs: Engine) -> None:
    landed_at = datetime(2025, 10, 24, 3, tzinfo=UTC)
    SqlResultLocations(theirs).record_moved(
        Run(4, 12),
        key=f"{PREFIX}/run_4_results.zip",
        size=10,
        checksum=None,
        results_url=URL,
        former_url="https://bucket.s3.amazonaws.com/results/job_12/run_4.zip",
        landed_at=landed_at,
    )
    with theirs.begin() as connection:
        run = connection.execute(text("SELECT *, status::text AS said FROM runs")).one()
    at = run.results_uploaded_at
    assert at.replace(tzinfo=at.tzinfo or UTC) == landed_at
    assert (run.said, run.results_url) == ("RUNNING", URL)
    [landed] = SqlInventory(theirs).landed(landed_at, landed_at + timedelta(seconds=1))
    assert landed.day == landed_at.date()


def test_a_status_without_the_label_is_a_refusal_that_leaves_both_rows(
    postgres: PostgresServer,
) -> None:
    engine = make_engine(postgres.new_database())
    with engine.begin() as connection:
        connection.execute(text("CREATE TYPE run_status AS ENUM ('RUNNING', 'FINISHED')"))
        connection.execute(text("CREATE TABLE jobs (id int PRIMARY KEY, created_at timestamptz)"))
        connection.execute(
            text(
                "CREATE TABLE runs (id int PRIMARY KEY, job_id int, status run_status,"
                " results_url text, results_uploaded_at timestamptz)"
            )
        )
        connection.execute(text("INSERT INTO runs VALUES (4, 12, 'RUNNING')"))
    upgrade_schema(engine)
    SqlRequestRepository(engine).request(UploadRequest(12, 4, "/r/RUN4"), published=True)
    uploads = SqlUploadRepository(engine)
    claimed = uploads.claim(12, 4, owner="me", lease=30)
    assert claimed
    with pytest.raises(DatabaseRefused, match="DONE"):
        uploads.land(claimed, results_url=URL)
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT state FROM uploads")) == "UPLOADING"
        assert connection.scalar(text("SELECT results_url FROM runs")) is None
    engine.dispose()


@pytest.mark.parametrize(
    "written",
    [
        "2025-10-23 21:15:00",
        "2025-10-23 21:15:00.250000",
        "2025-10-23T21:15:00Z",
        "2025-10-23 23:15:00+02:00",
        "2025-10-23T17:15:00.5-04:00",
    ],
)
def test_sqlite_text_is_read_with_its_offset(tmp_path: Path, written: str) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'test.db'}")
    upgrade_schema(engine)
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO jobs (id, created_at) VALUES (12, :at)"), {"at": written}
        )
    job = SqlJobRepository(engine).get(12)
    engine.dispose()
    assert JobS3Prefix.from_job(job).base_prefix == PREFIX


def test_a_job_or_run_that_is_not_there_is_named(engine: Engine) -> None:
    with pytest.raises(JobNotFound, match="job 12: there is no such job"):
        SqlJobRepository(engine).get(12)
    with pytest.raises(RunNotFound, match="run 4: there is no such run"):
        SqlRunRepository(engine).get(4)


@pytest.mark.parametrize(("before", "after"), [("FAILED", "FAILED"), ("RUNNING", "DONE")])
def test_a_run_that_failed_keeps_its_status_and_learns_where_its_results_are(
    theirs: Engine, before: str, after: str
) -> None:
    with theirs.begin() as connection:
        connection.execute(text(f"UPDATE runs SET status = '{before}'"))
        connection.execute(text("ALTER TABLE runs ADD COLUMN updated_at timestamp"))
    SqlRequestRepository(theirs).request(UploadRequest(12, 4, "/r"), published=True)
    uploads = SqlUploadRepository(theirs, keep_status=("ERROR", "FAILED", "CANCELLED"))
    claimed = uploads.claim(12, 4, owner="me", lease=60)
    assert claimed
    uploads.land(claimed, results_url=URL)
    with theirs.begin() as connection:
        row = connection.execute(text("SELECT * FROM runs")).one()
    assert (row.status, row.results_url) == (after, URL)
    assert row.results_uploaded_at is not None
    assert row.updated_at is not None


def test_a_job_without_a_creation_time_is_told_so_in_one_line(theirs: Engine) -> None:
    with theirs.begin() as connection:
        connection.execute(text("UPDATE jobs SET created_at = NULL"))
    with pytest.raises(JobUnusable, match=r"^job 12: its created_at is NULL: set it, then"):
        SqlJobRepository(theirs).get(12)
