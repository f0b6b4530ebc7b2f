"""What Celery's users expect of countdown, eta, expires and revoke, from other programs."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from sqlalchemy import text

from tests.end_to_end.cluster import Cluster, eventually
from tests.servers.faults import AnswerError, Hang, S3Request
from worker.models.upload import Upload, UploadState

TASK = "tasks.package_and_upload"


@pytest.fixture(autouse=True)
def _run_4(running: Cluster) -> None:
    (running.results / "RUN4").mkdir()
    (running.results / "RUN4" / "out.csv").write_text("1,2\n" * 1000)


def send(running: Cluster, *arguments: Any, **options: Any) -> str:
    """A foreign program's message for run 4 of job 12, unless other arguments are given."""
    asked = arguments or (12, 4, str(running.results / "RUN4"))
    with running.producer as producer:
        return str(producer.send_task(TASK, args=asked, queue="uploads", **options).id)


def revoke(running: Cluster, task_id: str, **options: Any) -> None:
    """As Flower's buttons do."""
    with running.operator as operator:
        operator.control.revoke(task_id, **options)


def is_put(request: S3Request) -> bool:
    return request.operation in ("PutObject", "UploadPart")


def is_cancelled(running: Cluster) -> Upload:
    return running.wait_for(12, 4, UploadState.CANCELLED)


def names_of_run_4(running: Cluster, into: Path) -> list[str]:
    key = running.row(12, 4).s3_key  # type: ignore[union-attr]  # it has landed
    assert key
    running.strict.upstream.download_file(running.strict.bucket, key, str(into))
    with ZipFile(into) as archive:
        return archive.namelist()


thorough = pytest.mark.thorough("waits for times to come, and for workers that are killed")


@pytest.mark.parametrize(
    "busy",
    [
        pytest.param(False, id="idle workers"),
        pytest.param(True, id="worker restarted", marks=thorough),
    ],
)
def test_a_countdown_is_waited_for_and_what_is_written_meanwhile_lands(
    running: Cluster, tmp_path: Path, busy: bool
) -> None:
    worker = running.start_worker()
    began = time.monotonic()
    send(running, countdown=6)
    waiting = eventually(lambda: running.row(12, 4), "its row is written before its time")
    assert waiting.next_attempt_at
    if busy:
        worker.kill()
        running.start_worker()
    time.sleep(max(0, began + 4 - time.monotonic()))  # several rounds of recovery
    assert running.row(12, 4).state is UploadState.REQUESTED  # type: ignore[union-attr]
    (running.results / "RUN4" / "late.csv").write_text("3,4\n")
    running.wait_for(12, 4)
    assert time.monotonic() - began >= 6
    assert "RUN4/late.csv" in names_of_run_4(running, tmp_path / "4.zip")


def test_an_expired_message_ends_cancelled_with_the_reason(running: Cluster) -> None:
    send(running, expires=0.5)
    time.sleep(1)
    running.start_worker()
    assert "expired" in (is_cancelled(running).error or "")
    assert not running.strict.upstream.list_objects_v2(Bucket=running.strict.bucket)["KeyCount"]


@thorough
def test_what_waits_for_its_next_attempt_expires_too(running: Cluster) -> None:
    running.strict.proxy.fault(is_put, AnswerError(503, "SlowDown"))
    running.start_worker()
    send(running, expires=5)
    running.wait_for(12, 4, UploadState.RETRYING, UploadState.CANCELLED)
    assert "expired" in (is_cancelled(running).error or "")


def test_a_message_revoked_before_any_worker_took_it_is_cancelled(running: Cluster) -> None:
    running.start_worker()
    task_id = send(running, countdown=600)
    eventually(lambda: running.row(12, 4), "its row is written before its time")
    revoke(running, task_id)
    assert "revoke" in (is_cancelled(running).error or "")
    assert "Failed to mark" not in running.log()  # in a result backend that nobody has set


@thorough
def test_a_revoke_that_comes_before_the_row_outlives_the_worker_that_heard_it(
    running: Cluster,
) -> None:
    first = running.start_worker()
    task_id = send(running, countdown=12)
    time.sleep(1)
    revoke(running, task_id)
    is_cancelled(running)
    first.kill()
    first.wait()
    running.start_worker()
    time.sleep(14)
    assert is_cancelled(running).attempt == 0


ENQUEUE = "import sys; from tasks import enqueue; enqueue(12, 4, sys.argv[1], expires=1)"


def test_what_has_expired_before_a_worker_takes_its_message_is_cancelled(running: Cluster) -> None:
    subprocess.run(
        [sys.executable, "-c", ENQUEUE, str(running.results / "RUN4")],
        cwd=running.directory,
        env=running.producers_environment,
        check=True,
    )
    time.sleep(2)
    running.start_worker(ONEPREFIX_RECOVERY_SECONDS="30")
    assert "expired" in (is_cancelled(running).error or "")
    assert running.strict.proxy.requests == []


@thorough
def test_a_message_without_a_row_that_a_worker_discards_leaves_a_cancelled_row(
    running: Cluster,
) -> None:
    running.start_worker()
    revoke(running, "to-be-revoked")
    time.sleep(1)
    send(running, task_id="to-be-revoked")
    cancelled = is_cancelled(running)
    assert cancelled.task_id == "to-be-revoked"


@thorough
def test_a_discarded_message_takes_no_upload_from_another_one(running: Cluster) -> None:
    running.strict.proxy.fault(is_put, Hang(3), times=1)
    running.start_worker()
    revoke(running, "to-be-revoked")
    first = send(running)
    running.wait_for(12, 4, UploadState.UPLOADING)
    send(running, 12, 4, str(running.results / "elsewhere" / "RUN4"), task_id="to-be-revoked")
    landed = running.wait_for(12, 4, UploadState.LANDED, UploadState.CANCELLED)
    assert (landed.state, landed.task_id) == (UploadState.LANDED, first)


@pytest.mark.parametrize("terminate", [False, True], ids=["revoked", "terminated"])
def test_an_upload_under_way_that_is_revoked_ends_cancelled_and_can_be_asked_for_anew(
    running: Cluster, terminate: bool
) -> None:
    running.strict.proxy.fault(is_put, Hang(60))
    running.start_worker()
    task_id = send(running)
    running.wait_for(12, 4, UploadState.UPLOADING)
    revoke(running, task_id, terminate=terminate)
    cancelled = is_cancelled(running)
    running.strict.proxy.mend()
    assert (cancelled.owner, cancelled.multipart_upload_id) == (None, None)
    send(running)
    landed = running.wait_for(12, 4)
    assert landed.error is None


@thorough
def test_a_retrying_upload_is_cancelled(running: Cluster) -> None:
    running.strict.proxy.fault(is_put, AnswerError(503, "SlowDown"))
    running.start_worker()
    task_id = send(running)
    running.wait_for(12, 4, UploadState.RETRYING)
    revoke(running, task_id)
    is_cancelled(running)


WRONG: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "too few": ([12, 4], {}, "missing a required argument: 'path'"),
    "none": ([], {}, "missing a required argument: 'job_id'"),
    "too many": ([12, 5, "/r/RUN4", False, 1], {}, "too many positional arguments"),
    "an unknown name": ([12, 6, "/r/RUN4"], {"priority": 1}, "unexpected keyword argument"),
    "twice": ([12, 7, "/r/RUN4"], {"path": "/r"}, "multiple values for argument 'path'"),
}


def test_wrong_arguments_leave_a_row_with_the_reason(running: Cluster) -> None:
    running.start_worker()
    ids = {}
    with running.producer as producer:
        for case, (arguments, keywords, reason) in WRONG.items():
            sent = producer.send_task(TASK, args=arguments, kwargs=keywords, queue="uploads")
            ids[str(sent.id)] = case, reason

    def rows() -> dict[str, str]:
        with running.engine.connect() as connection:
            found = connection.execute(
                text("SELECT task_id, error FROM uploads WHERE state = 'FAILED'")
            )
            return {row.task_id: row.error for row in found}

    eventually(lambda: rows().keys() >= ids.keys(), "each message has its row")
    for task_id, (case, reason) in ids.items():
        assert reason in rows()[task_id], case
