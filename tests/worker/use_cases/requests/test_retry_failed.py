"""Failed uploads are asked for again; one that had landed before asks to replace."""

from datetime import UTC, datetime

from worker.errors import DatabaseRefused
from worker.models.upload import Upload, UploadState
from worker.use_cases.requests.retry_failed import retry_failed

LANDED_AT = datetime(2025, 10, 24, tzinfo=UTC)


def failed(run_id: int, landed_at: datetime | None = None) -> Upload:
    return Upload(12, run_id, f"/r/RUN{run_id}", state=UploadState.FAILED, landed_at=landed_at)


def enqueue(job_id: int, run_id: int, path: str, *, replace: bool) -> Upload:
    """Refuses run 5; else tells in the task's id whether it was asked to replace."""
    if run_id == 5:
        raise DatabaseRefused("the database refused")
    return Upload(job_id, run_id, path, task_id="replaces" if replace else "plain")


def test_only_what_had_landed_before_is_replaced() -> None:
    asked, refused = retry_failed([failed(4), failed(6, LANDED_AT)], enqueue)
    assert [(each.run_id, each.path, each.task_id) for each in asked] == [
        (4, "/r/RUN4", "plain"),
        (6, "/r/RUN6", "replaces"),
    ]
    assert refused == []


def test_a_refused_upload_is_named_and_does_not_keep_others_from_their_turn() -> None:
    asked, refused = retry_failed([failed(5), failed(6)], enqueue)
    assert [each.run_id for each in asked] == [6]
    assert [str(each) for each in refused] == ["job 12, run 5: the database refused"]
