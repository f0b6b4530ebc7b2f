"""Bulk operations sent as messages, to a real worker, by a foreign program."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.end_to_end.cluster import Cluster, eventually
from tests.servers.faults import AnswerError


@pytest.fixture
def settings() -> dict[str, str]:
    return {"ONEPREFIX_ORDERS_BY_MESSAGE": "true"}


def send(running: Cluster, task: str, **arguments: Any) -> None:
    with running.producer as producer:
        producer.send_task(task, kwargs=arguments, queue="uploads")


@contextmanager
def events(running: Cluster) -> Iterator[list[Any]]:
    """What the workers tell meanwhile."""
    told: list[Any] = []
    with running.operator as operator, operator.connection() as connection:
        receiver = operator.events.Receiver(connection, handlers={"*": told.append})
        listening = threading.Thread(target=receiver.capture, kwargs={"limit": None}, daemon=True)
        listening.start()
        try:
            yield told
        finally:
            receiver.should_stop = True
            listening.join(timeout=10)


def stored(running: Cluster) -> dict[str, str]:
    listed = running.strict.upstream.list_objects_v2(Bucket=running.strict.bucket)
    return {
        each["Key"].rpartition("/")[2]: each["StorageClass"] for each in listed.get("Contents", [])
    }


def of_type(told: list[Any], name: str) -> list[Any]:
    return [event for event in told if event["type"] == name]


def test_a_job_is_archived_restored_and_deleted_by_messages(running: Cluster) -> None:
    running.start_worker()
    (running.results / "RUN4").mkdir()
    (running.results / "RUN4" / "out.csv").write_text("1,2\n")
    running.send(12, 4, str(running.results / "RUN4"))
    running.wait_for(12, 4)

    with events(running) as told:
        send(running, "tasks.archive_job", job_id=12, storage_class="DEEP_ARCHIVE")
        eventually(lambda: stored(running) == {"run_4_results.zip": "DEEP_ARCHIVE"}, "archived")
        eventually(lambda: of_type(told, "task-progress"), "progress is told")
        send(running, "tasks.restore_job", job_id=12, days=7, tier="Bulk")
        eventually(
            lambda: "RestoreObject" in [e.operation for e in running.strict.proxy.requests],
            "restored",
        )
        send(running, "tasks.archive_job", job_id=12, storage_class="COLD")
        send(running, "tasks.restore_job", job_id=12, days=0)
        send(running, "tasks.delete_job", job_id=12, confirm="13", who="ada")
        eventually(lambda: len(of_type(told, "task-failed")) == 3, "wrong orders fail")
        assert stored(running)
        send(running, "tasks.delete_job", job_id=12, confirm="12", who="ada")
        eventually(lambda: stored(running) == {}, "deleted")
        eventually(lambda: running.scalar("SELECT finished_at FROM deletions"), "recorded")
    progress = [(each["done"], each["total"]) for each in of_type(told, "task-progress")]
    assert progress[0] == (1, 1)
    reasons = " ".join(each["exception"] for each in of_type(told, "task-failed"))
    assert "'COLD' is not a valid StorageClass" in reasons
    assert "days must be a positive integer" in reasons
    assert "confirm is not the job's id" in reasons
    assert running.scalar("SELECT who FROM deletions") == "ada as worker_of_the_tests"
    assert running.scalar("SELECT results_url FROM runs WHERE id = 4") is None


def test_a_task_that_fails_for_some_objects_says_so_at_its_end(running: Cluster) -> None:
    running.start_worker()
    for run_id in (4, 5):
        running.strict.upstream.put_object(
            Bucket=running.strict.bucket, Key=f"jobs/12/2025/10/23/211500/run_{run_id}_logs.log"
        )
    running.strict.proxy.fault(
        lambda request: request.operation == "CopyObject" and "run_4" in request.key,
        AnswerError(403, "AccessDenied"),
    )
    with events(running) as told:
        send(running, "tasks.archive_job", job_id=12)
        [failed] = eventually(lambda: of_type(told, "task-failed"), "it fails")
    assert "1 of 2 objects failed" in failed["exception"]
    assert stored(running) == {"run_4_logs.log": "STANDARD", "run_5_logs.log": "GLACIER"}
