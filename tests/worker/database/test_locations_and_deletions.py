"""What a deletion and a move of results write, on each kind of database."""

from datetime import datetime

import pytest
from sqlalchemy import Engine, select

from tests.worker.database.conftest import CREATED_AT
from worker.database.deletions import SqlDeletionRepository
from worker.database.jobs import SqlRunRepository, add_job
from worker.database.result_locations import SqlResultLocations
from worker.database.tables import deletions
from worker.database.uploads.multipart_ids import SqlMultipartIds
from worker.database.uploads.requests import SqlRequestRepository
from worker.database.uploads.upload_list import SqlUploadList
from worker.database.uploads.upload_repository import SqlUploadRepository
from worker.errors import UploadUnderWay
from worker.models.retention import Deletion, Relocation
from worker.models.upload import Upload, UploadState
from worker.models.upload_request import UploadRequest

DELETION = Deletion(
    12, "bucket", "jobs/12/2025/10/23/211500", objects=3, bytes=2**40, incomplete_uploads=0
)
URL, NEW = "https://bucket.s3.amazonaws.com/k", "https://cold.s3.amazonaws.com/k"


@pytest.fixture
def landed(engine: Engine) -> Upload:
    """Run 4's, of job 12, beside run 5 that has none."""
    add_job(engine, 12, CREATED_AT, [4, 5])
    return land(engine, 4)


def claim(engine: Engine, run_id: int, lease: float = 60, *, replace: bool = False) -> Upload:
    request = UploadRequest(12, run_id, "/r", replace=replace)
    SqlRequestRepository(engine).request(request, published=True)
    claimed = SqlUploadRepository(engine).claim(12, run_id, owner="me", lease=lease)
    assert claimed
    return claimed


def land(engine: Engine, run_id: int, *, replace: bool = False) -> Upload:
    SqlUploadRepository(engine).land(claim(engine, run_id, replace=replace), results_url=URL)
    return row(engine, run_id)


def row(engine: Engine, run_id: int) -> Upload:
    found = SqlUploadList(engine).find(12, run_id)
    assert found
    return found


def url_of(engine: Engine, run_id: int) -> str | None:
    return SqlRunRepository(engine).get(run_id).results_url


def move(upload: Upload, to: str | None = NEW) -> Relocation:
    return Relocation(12, upload.run_id, upload.fence, frozenset({URL}), to, "moved")


def test_run_and_row_are_told_together(engine: Engine, landed: Upload) -> None:
    assert SqlResultLocations(engine).relocate([move(landed)]) == 2
    assert (url_of(engine, 4), row(engine, 4).results_url, row(engine, 4).error) == (
        NEW,
        NEW,
        "moved",
    )
    assert row(engine, 4).state is UploadState.LANDED
    assert SqlResultLocations(engine).relocate([move(landed)]) == 0  # it lies elsewhere by now


def test_a_run_without_a_row_is_told_alone(engine: Engine, landed: Upload) -> None:
    moves = [Relocation(12, 5, None, frozenset({URL}), None, "gone")]
    assert SqlResultLocations(engine).relocate(moves) == 0
    assert url_of(engine, 4) == URL


def test_what_has_landed_anew_meanwhile_keeps_its_location(engine: Engine, landed: Upload) -> None:
    land(engine, 4, replace=True)
    assert SqlResultLocations(engine).relocate([move(landed, to=None)]) == 0
    assert (url_of(engine, 4), row(engine, 4).results_url) == (URL, URL)


def test_a_failed_replacement_keeps_its_reason_when_the_results_are_gone(
    engine: Engine, landed: Upload
) -> None:
    again = claim(engine, 4, replace=True)
    SqlUploadRepository(engine).fail(again, error="a disk is full", traceback="")
    assert SqlResultLocations(engine).relocate([move(row(engine, 4), to=None)]) == 2
    failed = row(engine, 4)
    assert (failed.results_url, failed.error) == (None, "a disk is full")
    assert url_of(engine, 4) is None


def test_a_copy_s_multipart_upload_is_not_given_up_while_it_may_go_on(
    engine: Engine, landed: Upload
) -> None:
    multipart_ids = SqlMultipartIds(engine)
    multipart_ids.begin_copy(landed, "m")
    assert row(engine, 4).multipart_upload_id == "m"
    assert multipart_ids.of_ended_uploads() == []
    multipart_ids.end_copy(landed, "another")
    assert row(engine, 4).multipart_upload_id == "m"
    multipart_ids.end_copy(landed, "m")
    assert (row(engine, 4).multipart_upload_id, row(engine, 4).lease_until) == (None, None)
    multipart_ids.begin_copy(landed, "m")
    assert claim(engine, 4, replace=True).multipart_upload_id == "m"  # a new upload aborts it


def test_a_deletion_is_recorded_when_it_begins_and_when_it_ends(engine: Engine) -> None:
    repository = SqlDeletionRepository(engine)
    first = repository.begin(DELETION, who="ada@lab")
    second = repository.begin(DELETION, who="bob@lab")
    repository.finish(second, failures=2)
    with engine.begin() as connection:
        rows = connection.execute(select(deletions).order_by(deletions.c.id)).all()
    assert [(each.id, each.who, each.bytes) for each in rows] == [
        (first, "ada@lab", 2**40),
        (second, "bob@lab", 2**40),
    ]
    assert (rows[0].finished_at, rows[0].failures, rows[1].failures) == (None, None, 2)
    assert isinstance(rows[0].begun_at, datetime)


def test_a_deletion_waits_for_leases_and_gives_up_what_waits_for_one(
    engine: Engine, landed: Upload
) -> None:
    repository = SqlDeletionRepository(engine)
    held = claim(engine, 5)
    add_job(engine, 13, CREATED_AT, [6])
    SqlRequestRepository(engine).request(UploadRequest(13, 6, "/r"), published=True)
    with pytest.raises(UploadUnderWay, match="job 12, run 5"):
        repository.begin(DELETION, who="ada")
    SqlUploadRepository(engine).release(held)
    assert repository.begin(DELETION, who="ada") == 1
    given_up = row(engine, 5)
    assert (given_up.state, given_up.owner, given_up.fence) == (
        UploadState.FAILED,
        None,
        held.fence + 1,
    )
    assert row(engine, 4) == landed
    other = SqlUploadList(engine).find(13, 6)
    assert other
    assert other.state is UploadState.REQUESTED
