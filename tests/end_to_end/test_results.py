"""Celery's results: true while an attempt is under way, between attempts and at the end."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery
from celery.result import AsyncResult

from tests.end_to_end.cluster import Cluster, eventually
from tests.servers.faults import AnswerError, Hang, S3Request
from worker.errors import OneprefixError
from worker.models.upload import UploadState

TASK = "tasks.package_and_upload"
#: What a program sees that imports `tasks` where no backend is named.
WITHOUT = """
from celery import chord
from tasks import package_and_upload
sent = package_and_upload.delay(12, 4, "/r/RUN4")
for ask in (sent.get, lambda: sent.status, lambda: chord([package_and_upload.s(12, 4, "/r/RUN4")])(
        package_and_upload.si(12, 5, "/r/RUN5"))):
    try:
        print("answered", ask())
    except NotImplementedError as error:
        print(error)
"""


thorough = pytest.mark.thorough("waits for workers, with each kind of result backend")


@pytest.fixture(params=["redis", pytest.param("database", marks=thorough)])
def producer(request: pytest.FixtureRequest, running: Cluster) -> Iterator[Celery]:
    """A foreign program that reads results from the backend of the workers, one of which runs."""
    (running.results / "RUN4").mkdir()
    (running.results / "RUN4" / "out.csv").write_text("1,2\n" * 1000)
    # Celery's database backend makes its own tables, as their owner
    owners_url = running.engine.url.render_as_string(hide_password=False)
    url = running.broker_url if request.param == "redis" else f"db+{owners_url}"
    running.start_worker(ONEPREFIX_RESULT_BACKEND=url)
    with Celery(broker=running.broker_url, backend=url, set_as_current=False) as asking:
        yield asking


def upload(producer: Celery, running: Cluster, run: int = 4) -> "AsyncResult[Any]":
    path = str(running.results / f"RUN{run}")
    result: AsyncResult[Any] = producer.send_task(TASK, args=[12, run, path], queue="uploads")
    return result


def is_put(request: S3Request) -> bool:
    return request.operation == "PutObject"


def test_a_result_is_the_location(producer: Celery, running: Cluster) -> None:
    result = upload(producer, running)
    assert result.get(timeout=60) == running.wait_for(12, 4).results_url
    assert result.status == "SUCCESS"


def test_a_failure_raises_the_reason(producer: Celery, running: Cluster) -> None:
    result = upload(producer, running, run=6)
    with pytest.raises(OneprefixError, match="there is no directory"):
        result.get(timeout=60)
    assert result.status == "FAILURE"


@thorough
def test_the_state_between_attempts_is_retry_and_then_success(
    producer: Celery, running: Cluster
) -> None:
    running.strict.proxy.fault(is_put, AnswerError(503, "SlowDown"), times=12)
    result = upload(producer, running)
    eventually(lambda: result.status == "RETRY", "between attempts")
    assert result.get(timeout=60) == running.wait_for(12, 4).results_url


@thorough
def test_an_upload_under_way_tells_its_progress(producer: Celery, running: Cluster) -> None:
    running.strict.proxy.fault(is_put, Hang(5), times=1)
    result = upload(producer, running)
    eventually(lambda: isinstance(result.info, dict) and "bytes_total" in result.info, "told")
    assert (result.status, result.info["bytes_total"]) == ("STARTED", 4000)
    result.get(timeout=60)


@thorough
def test_a_second_request_has_its_own_result_once_the_upload_has_landed(
    producer: Celery, running: Cluster
) -> None:
    running.strict.proxy.fault(is_put, Hang(3), times=1)
    first = upload(producer, running)
    running.wait_for(12, 4, UploadState.UPLOADING)
    second = upload(producer, running)
    assert second.get(timeout=60) == first.get(timeout=60) == running.wait_for(12, 4).results_url


@thorough
def test_a_revoked_upload_is_revoked(producer: Celery, running: Cluster) -> None:
    running.strict.proxy.fault(is_put, AnswerError(503, "SlowDown"))
    result = upload(producer, running)
    running.wait_for(12, 4, UploadState.RETRYING)
    result.revoke()
    running.wait_for(12, 4, UploadState.CANCELLED)
    eventually(lambda: str(result.status) == "REVOKED", "the result tells it")
    unanswered = "SELECT count(*) FROM follow_ups WHERE answered_at IS NULL"
    eventually(lambda: running.scalar(unanswered) == 0, "its message is not published again")


def test_without_a_backend_who_asks_for_a_result_is_told_what_to_set(running: Cluster) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        env=running.environment,
        cwd=running.directory,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    assert all("set ONEPREFIX_RESULT_BACKEND" in line for line in lines), lines


def test_a_chord_whose_body_could_never_run_is_refused(running: Cluster) -> None:
    running.start_worker()
    with running.producer as foreign:
        body: Any = foreign.signature("foreign.note", queue="callbacks")
        foreign.send_task(TASK, args=[12, 4, "/r/RUN4"], queue="uploads", chord=body)
    failed = running.wait_for(12, 4, UploadState.FAILED)
    assert "set ONEPREFIX_RESULT_BACKEND" in (failed.error or "")
