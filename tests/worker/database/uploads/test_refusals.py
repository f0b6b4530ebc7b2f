"""A message that makes no request leaves a FAILED row, and harms no upload."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from worker.database.engine import make_engine
from worker.database.schema import upgrade_schema
from worker.database.uploads.attempts import SqlUploadRepository
from worker.database.uploads.outbox import SqlOutbox
from worker.database.uploads.requests import SqlRequestRepository
from worker.database.uploads.upload_list import SqlUploadList
from worker.models.upload import UploadState
from worker.models.upload_request import Refusal, UploadMessage, UploadRequest

WRONG_IDS = ["12", 12.0, -12, 0, True, None, 2**63, [1], {"a": 1}]


def refuse(engine: Engine, job_id: Any, run_id: Any, path: Any, task_id: str = "t") -> None:
    refusal = Refusal.of(UploadMessage(task_id, job_id, run_id, path), "it makes no request")
    SqlRequestRepository(engine).refuse(refusal)


def rows(engine: Engine) -> list[tuple[Any, ...]]:
    query = text("SELECT job_id, run_id, path, state, error FROM uploads ORDER BY id")
    with engine.begin() as connection:
        return [tuple(row) for row in connection.execute(query)]


@pytest.mark.parametrize("wrong", WRONG_IDS, ids=repr)
def test_a_wrong_id_leaves_a_failed_row_that_names_it(engine: Engine, wrong: Any) -> None:
    refuse(engine, wrong, 4, "/r/RUN4")
    [(job_id, run_id, path, state, error)] = rows(engine)
    assert job_id == (wrong if type(wrong) is int and wrong < 2**63 else None)
    assert (run_id, path, state) == (4, "/r/RUN4", "FAILED")
    assert repr(wrong) in error
    assert "run 4" in error
    assert len(SqlUploadList(engine).refusals()) == 1
    assert SqlUploadList(engine).uploads() == []


@pytest.mark.parametrize("path", ["", "RUN4", "/r\0x", "/\ud800", 7, None, "/" + "x" * 6000])
def test_a_wrong_path_leaves_a_failed_row(engine: Engine, path: Any) -> None:
    refuse(engine, 12, 4, path)
    [(job_id, run_id, _path, state, _error)] = rows(engine)
    assert (job_id, run_id, state) == (12, 4, "FAILED")


def test_the_same_message_again_leaves_no_second_row(engine: Engine) -> None:
    for _ in range(3):
        refuse(engine, "twelve", 4, "/r")
    assert len(rows(engine)) == 1
    refuse(engine, "twelve", 4, "/r", task_id="another")
    assert len(rows(engine)) == 2


def test_a_row_that_asked_for_the_refused_fails(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO uploads (job_id, run_id, path) VALUES (-12, 4, 'RUN4')")
        )
    publish_and_refuse(engine)
    assert [row[:4] for row in rows(engine)] == [(-12, 4, "RUN4", "FAILED")]


def publish_and_refuse(engine: Engine) -> None:
    """What recovery and the worker do with each row that nobody has published."""
    outbox = SqlOutbox(engine, grace=-1, republish=300)
    for row in outbox.due():
        due = outbox.take(row, task_id=f"row {row}")
        assert due
        request = due.request
        refuse(engine, request.job_id, request.run_id, request.path, task_id=f"row {row}")


def test_a_row_whose_path_can_not_be_stored_again_as_it_was_fails_too(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO uploads (job_id, run_id, path) VALUES (12, 4, :path)"),
            {"path": "/" + "x" * 6000},
        )
    publish_and_refuse(engine)
    assert [(row[0], row[1], row[3]) for row in rows(engine)] == [(12, 4, "FAILED")]


def test_bytes_that_are_no_text_in_sqlite_stop_nobody(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'test.db'}")
    upgrade_schema(engine)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO uploads (job_id, run_id, path) VALUES"
                " (12, 4, CAST(x'2f72ff' AS TEXT)), (12, 5, '/r/RUN5')"
            )
        )
    publish_and_refuse(engine)
    assert {upload.run_id: upload.state for upload in SqlUploadList(engine).uploads()} == {
        4: UploadState.FAILED,
        5: UploadState.FAILED,
    }
    engine.dispose()


def test_a_wrong_message_does_not_fail_a_healthy_upload_under_way(engine: Engine) -> None:
    request = UploadRequest(12, 4, "/r/RUN4", task_id="good")
    SqlRequestRepository(engine).request(request, published=True)
    uploads = SqlUploadRepository(engine)
    claimed = uploads.claim(12, 4, owner="me", lease=60)
    assert claimed
    refuse(engine, 12, 4, "/r/RUN4", task_id="bad")
    uploads.renew(claimed, lease=60, bytes_done=1)
    assert [row[3] for row in rows(engine)] == ["UPLOADING", "FAILED"]
    assert len(SqlUploadList(engine).refusals()) == 1


def test_a_landed_upload_is_not_touched_by_a_refused_message(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO jobs (id) VALUES (12)"))
        connection.execute(text("INSERT INTO runs (id, job_id) VALUES (4, 12)"))
    SqlRequestRepository(engine).request(UploadRequest(12, 4, "/r/RUN4"), published=True)
    uploads = SqlUploadRepository(engine)
    claimed = uploads.claim(12, 4, owner="me", lease=60)
    assert claimed
    uploads.land(claimed, results_url="there")
    refuse(engine, 12, 4, "RUN4")
    found = SqlUploadList(engine).find(12, 4)
    assert found
    assert (found.state, found.path) == (UploadState.LANDED, "/r/RUN4")


def test_a_wrong_message_does_not_fail_an_upload_that_waits_for_its_retry(engine: Engine) -> None:
    SqlRequestRepository(engine).request(UploadRequest(12, 4, "/r/RUN4"), published=True)
    refuse(engine, 12, 4, "")
    found = SqlUploadList(engine).find(12, 4)
    assert found
    assert found.state is UploadState.REQUESTED
