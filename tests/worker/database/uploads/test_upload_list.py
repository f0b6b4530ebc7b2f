"""Uploads are listed and counted for people."""

from sqlalchemy import Engine, text

from worker.database.uploads.requests import SqlRequestRepository
from worker.database.uploads.upload_list import SqlUploadList
from worker.models.upload import UploadState
from worker.models.upload_request import MAX_TEXT, UploadRequest


def test_uploads_are_listed_by_job_and_run(engine: Engine) -> None:
    for job_id, run_id in [(13, 1), (12, 5), (12, 4)]:
        request = UploadRequest(job_id, run_id, "/r")
        SqlRequestRepository(engine).request(request, published=True)
    listed = SqlUploadList(engine)
    assert [(each.job_id, each.run_id) for each in listed.uploads()] == [(12, 4), (12, 5), (13, 1)]
    assert [each.run_id for each in listed.uploads(12)] == [4, 5]
    assert len(listed.uploads(limit=2)) == 2
    assert listed.counts() == {UploadState.REQUESTED: 3}
    assert listed.counts(13) == {UploadState.REQUESTED: 1}
    assert listed.find(12, 6) is None


def test_of_a_reason_that_somebody_has_written_a_worker_would_have_written_as_much(
    engine: Engine,
) -> None:
    SqlRequestRepository(engine).request(UploadRequest(12, 4, "/r"), published=True)
    with engine.begin() as connection:
        values = {"error": "why" + "y" * 1_000_000, "traceback": "t" * 1_000_000 + "last"}
        connection.execute(
            text("UPDATE uploads SET error = :error, traceback = :traceback"), values
        )
    [listed] = SqlUploadList(engine).uploads()
    assert listed.error == "why" + "y" * (MAX_TEXT - 3)
    assert listed.traceback == "t" * (MAX_TEXT - 4) + "last"


def test_the_most_urgent_come_first_and_of_each_state_the_latest(engine: Engine) -> None:
    requests, states = SqlRequestRepository(engine), list(UploadState)
    for run_id in range(1, 13):
        requests.request(UploadRequest(12, run_id, "/r"), published=True)
    with engine.begin() as connection:
        for run_id in range(1, 13):
            values = {
                "run": run_id,
                "state": states[run_id % 6],
                "at": f"2025-10-23 21:15:{run_id:02d}+00:00",
            }
            connection.execute(
                text("UPDATE uploads SET state = :state, updated_at = :at WHERE run_id = :run"),
                values,
            )
    found = SqlUploadList(engine).most_urgent(12, limit=7)
    assert [(each.state.value, each.run_id) for each in found] == [
        ("UPLOADING", 7),
        ("UPLOADING", 1),
        ("RETRYING", 8),
        ("RETRYING", 2),
        ("FAILED", 10),
        ("FAILED", 4),
        ("REQUESTED", 12),
    ]
    assert SqlUploadList(engine).most_urgent(13, limit=7) == []
