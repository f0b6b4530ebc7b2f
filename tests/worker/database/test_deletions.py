"""What the record of a deletion says, and what a deletion does to uploads that wait or run."""

import time
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, select

from tests.fakes.orders import obeying
from tests.worker.database.conftest import CREATED_AT
from tests.worker.database.landed import claim, row
from worker.database.deletions import SqlDeletionRepository
from worker.database.jobs import add_job
from worker.database.orders import SqlOrders
from worker.database.tables import deletions
from worker.database.uploads.attempts import SqlUploadRepository
from worker.database.uploads.requests import SqlRequestRepository
from worker.database.uploads.upload_list import SqlUploadList
from worker.errors import UploadUnderWay
from worker.models.order import OrderMessage
from worker.models.retention import Deletion
from worker.models.upload import Upload, UploadState
from worker.models.upload_request import UploadRequest

DELETION = Deletion(
    12,
    "bucket",
    "jobs/12/2025/10/23/211500",
    objects=3,
    bytes=2**40,
    incomplete_uploads=0,
    until=datetime.now(UTC),
)


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


def test_an_order_concerns_no_upload_that_was_requested_after_it(engine: Engine) -> None:
    add_job(engine, 12, datetime(2025, 10, 23, 21, 15, tzinfo=UTC), [4, 5, 6])
    requests, uploads = SqlRequestRepository(engine), SqlUploadRepository(engine)
    requests.request(UploadRequest(12, 4, "/r/RUN4"), published=True)
    time.sleep(0.01)
    kept = SqlOrders(engine, republish=300)
    obeying(kept)(OrderMessage("m", "delete", (12, "12", "ada"), {}))
    order = kept.claim("m", owner="me", lease=60)
    assert order
    time.sleep(0.01)
    for run_id in (5, 6):
        requests.request(UploadRequest(12, run_id, f"/r/RUN{run_id}"), published=True)
    assert uploads.claim(12, 6, owner="me", lease=60)
    time.sleep(0.5)  # as listing a large job takes
    repository = SqlDeletionRepository(engine)
    first = repository.begin(DELETION, who="ada", order=order)
    assert repository.begin(DELETION, who="ada", order=order) == first
    states = {each.run_id: each.state for each in SqlUploadList(engine).uploads(12)}
    assert states == {
        4: UploadState.FAILED,
        5: UploadState.REQUESTED,
        6: UploadState.UPLOADING,
    }
