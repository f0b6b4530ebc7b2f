"""What a migration writes about results that it has moved under their prefix."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, text

from worker.database.jobs import SqlRunRepository, add_job
from worker.database.result_locations import SqlResultLocations
from worker.database.uploads.upload_list import SqlUploadList
from worker.errors import RunNotFound
from worker.models.job import Run
from worker.models.upload import Upload, UploadState

KEY = "jobs/12/2025/10/23/211500/run_4_results.zip"
THEN = datetime(2025, 10, 24, 3, tzinfo=UTC)


@pytest.fixture
def moved(engine: Engine) -> SqlResultLocations:
    """Job 12 with its run 4."""
    add_job(engine, 12, datetime(2025, 10, 23, 21, 15, tzinfo=UTC), [4])
    return SqlResultLocations(engine)


def record(moved: SqlResultLocations, run: Run = Run(4, 12), **changes: Any) -> None:  # noqa: B008
    facts: dict[str, Any] = {
        "key": KEY,
        "size": 10,
        "checksum": "CRC32:AAAAAA==",
        "results_url": f"https://b/{KEY}",
        "former_url": "https://b/results/job_12/run_4.zip",
        "landed_at": THEN,
    }
    moved.record_moved(run, **facts | changes)


def row(engine: Engine) -> Upload:
    found = SqlUploadList(engine).find(12, 4)
    assert found
    return found


def insert(engine: Engine, **values: Any) -> None:
    values = {"job_id": 12, "run_id": 4, "path": "/r/RUN4"} | values
    columns, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
    with engine.begin() as connection:
        connection.execute(text(f"INSERT INTO uploads ({columns}) VALUES ({marks})"), values)


def test_a_run_without_an_upload_gets_one_that_has_landed(
    engine: Engine, moved: SqlResultLocations
) -> None:
    record(moved)
    first = row(engine)
    assert first.state is UploadState.LANDED
    assert (first.s3_key, first.archive_size, first.checksum) == (KEY, 10, "CRC32:AAAAAA==")
    assert (first.path, first.landed_at) == ("https://b/results/job_12/run_4.zip", THEN)
    run = SqlRunRepository(engine).get(4)
    assert first.results_url == run.results_url == f"https://b/{KEY}"
    with engine.begin() as connection:
        uploaded = connection.scalar(text("SELECT results_uploaded_at FROM runs"))
    assert str(uploaded).startswith("2025-10-24 03:00:00")
    record(moved, former_url="https://b/elsewhere")
    again = row(engine)
    assert (again.path, again.landed_at, again.checksum) == (
        first.path,
        first.landed_at,
        first.checksum,
    )


def test_what_had_landed_keeps_when_and_the_digest_of_the_same_bytes(
    engine: Engine, moved: SqlResultLocations
) -> None:
    earlier = "2025-10-23 22:00:00.000000"
    known = {"checksum": "CRC32:AAAAAA==", "sha256": "ab", "landed_at": earlier}
    insert(engine, state="LANDED", s3_key="elsewhere", file_count=3, **known)
    record(moved)
    after = row(engine)
    assert (after.s3_key, after.path, after.file_count) == (KEY, "/r/RUN4", 3)
    assert (after.sha256, after.landed_at) == ("ab", datetime(2025, 10, 23, 22, tzinfo=UTC))
    record(moved, checksum="CRC32:BBBBBB==")
    assert (row(engine).checksum, row(engine).sha256) == ("CRC32:BBBBBB==", None)
    record(moved, checksum=None)
    assert row(engine).checksum is None


def test_an_upload_that_failed_with_nothing_landed_has_landed_now(
    engine: Engine, moved: SqlResultLocations
) -> None:
    insert(engine, state="FAILED", error="the directory is gone", traceback="Traceback")
    record(moved)
    after = row(engine)
    assert (after.state, after.error, after.traceback) == (UploadState.LANDED, None, None)
    assert after.landed_at == THEN


@pytest.mark.parametrize(
    "values",
    [
        {"state": "REQUESTED"},
        {"state": "RETRYING"},
        {"state": "UPLOADING", "owner": "me"},
        {"state": "FAILED", "landed_at": "2025-10-23 22:00:00.000000"},
    ],
    ids=lambda values: values["state"],
)
def test_what_is_still_asked_for_or_failed_to_replace_says_so_as_before(
    engine: Engine, moved: SqlResultLocations, values: dict[str, Any]
) -> None:
    insert(engine, **values)
    before = row(engine)
    record(moved)
    assert row(engine) == before
    assert SqlRunRepository(engine).get(4).results_url == f"https://b/{KEY}"


@pytest.mark.parametrize("run", [Run(5, 12), Run(4, 13)])
def test_a_run_that_is_gone_leaves_nothing_behind(
    engine: Engine, moved: SqlResultLocations, run: Run
) -> None:
    with pytest.raises(RunNotFound, match=f"job {run.job_id}, run {run.id}: the run disappeared"):
        record(moved, run)
    assert SqlUploadList(engine).uploads() == []
