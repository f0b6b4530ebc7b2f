import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from celery import Celery
from sqlalchemy import text

from tests.end_to_end.cluster import CREATED_AT, Cluster, eventually
from tests.servers.faults import AnswerError, Hang, S3Request
from tests.servers.postgres import PostgresServer
from tests.tasks.messaging.malformed import MALFORMED
from worker.database.engine import make_engine
from worker.database.jobs import add_job
from worker.database.schema import upgrade_schema
from worker.embedded.broker import EmbeddedBroker
from worker.models.upload import UploadState


@pytest.fixture(autouse=True)
def _run_4(running: Cluster) -> None:
    (running.results / "RUN4").mkdir()
    (running.results / "RUN4" / "out.csv").write_text("1,2\n" * 1000)


def run_4(running: Cluster) -> str:
    return str(running.results / "RUN4")


class Events:
    """The task events of a broker, as Flower receives them."""

    def __init__(self, url: str) -> None:
        self.seen: list[dict[str, Any]] = []
        self._app = Celery(broker=url, set_as_current=False)
        self._receiver: Any = None
        self._thread = Thread(target=self._capture, daemon=True)

    def __enter__(self) -> "Events":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._receiver.should_stop = True
        self._thread.join(timeout=10)
        self._app.close()

    def kinds(self, task_id: str) -> list[str]:
        return [event["type"] for event in self.seen if event.get("uuid") == task_id]

    def _capture(self) -> None:
        with self._app.connection() as connection:
            self._receiver = self._app.events.Receiver(connection, handlers={"*": self.seen.append})
            try:
                self._receiver.capture(limit=None, timeout=None, wakeup=True)
            except OSError:
                return


@pytest.fixture
def events(running: Cluster) -> Iterator[Events]:
    with Events(running.operators_broker_url) as receiving:
        yield receiving


def is_put(request: S3Request) -> bool:
    return request.operation == "PutObject"


def test_a_passing_fault_of_s3_is_retried_and_seen_as_retry(
    running: Cluster, events: Events
) -> None:
    # one attempt asks four times
    running.strict.proxy.fault(is_put, AnswerError(503, "SlowDown"), times=8)
    running.start_worker()
    task_id = running.send(12, 4, run_4(running))
    row = running.wait_for(12, 4)
    assert row.attempt == 3
    eventually(lambda: "task-succeeded" in events.kinds(task_id), "the success is seen")
    assert events.kinds(task_id).count("task-retried") == 2
    assert "task-failed" not in events.kinds(task_id)


def test_a_lasting_refusal_of_s3_fails_at_once_and_is_seen_as_failure(
    running: Cluster, events: Events
) -> None:
    running.strict.proxy.fault(is_put, AnswerError(403, "AccessDenied"))
    running.start_worker()
    task_id = running.send(12, 4, run_4(running))
    row = running.wait_for(12, 4, UploadState.FAILED)
    assert row.attempt == 1
    assert "403 AccessDenied" in (row.error or "")
    eventually(lambda: "task-failed" in events.kinds(task_id), "the failure is seen")
    assert "task-retried" not in events.kinds(task_id)
    running.strict.proxy.mend()
    running.send(12, 4, run_4(running))  # a new message starts it anew
    running.wait_for(12, 4)


def test_a_row_by_plain_sql_lands_without_any_message(running: Cluster) -> None:
    running.start_worker()
    with running.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO uploads (job_id, run_id, path) VALUES (12, 4, :path)"),
            {"path": run_4(running)},
        )
    assert running.wait_for(12, 4).attempt == 1


def test_a_message_that_the_broker_lost_is_published_again(running: Cluster) -> None:
    running.send(12, 4, run_4(running))
    with running.broker.admin() as broker:
        broker.flushall()
    with running.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO uploads (job_id, run_id, path, published_at)"
                " VALUES (12, 4, :path, now() - interval '10 minutes')"
            ),
            {"path": run_4(running)},
        )
    running.start_worker()
    running.wait_for(12, 4)


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in listed.split()]


def pool_children(pid: int) -> list[int]:
    return [
        child
        for child in children(pid)
        if b"tasks.recovery" not in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


def test_an_upload_whose_whole_worker_is_killed_lands_through_another(running: Cluster) -> None:
    first = running.start_worker()
    running.strict.proxy.fault(is_put, Hang(1.5), times=1)
    running.send(12, 4, run_4(running))
    running.wait_for(12, 4, UploadState.UPLOADING)
    for pid in [*children(first.pid), first.pid]:
        subprocess.run(["kill", "-9", str(pid)], check=False)
    first.wait()
    running.start_worker()
    assert running.wait_for(12, 4).attempt > 1


def test_a_message_waits_for_a_schema_that_is_not_there_yet(
    running: Cluster, postgres: PostgresServer
) -> None:
    later = postgres.new_database()
    running.start_worker(ONEPREFIX_DATABASE_URL=later)
    running.send(12, 4, run_4(running))
    eventually(lambda: "oneprefix db upgrade" in running.log(), "the worker says what it lacks")
    running.engine = make_engine(later)
    upgrade_schema(running.engine)
    add_job(running.engine, 12, CREATED_AT, [4])
    running.wait_for(12, 4)
    running.engine.dispose()


def test_a_child_that_is_killed_loses_nothing(running: Cluster) -> None:
    worker = running.start_worker()
    running.strict.proxy.fault(is_put, Hang(1.5), times=1)  # so that it is there to be killed
    running.send(12, 4, run_4(running))
    running.wait_for(12, 4, UploadState.UPLOADING)
    for child in pool_children(worker.pid):
        subprocess.run(["kill", "-9", str(child)], check=False)
    assert running.wait_for(12, 4).attempt > 1
    assert worker.poll() is None


def test_the_recovery_process_is_replaced_when_it_dies_and_dies_with_its_worker(
    running: Cluster,
) -> None:
    worker = running.start_worker()

    def recovery() -> list[int]:
        return [child for child in children(worker.pid) if child not in pool_children(worker.pid)]

    [first] = eventually(recovery, "recovery runs")
    subprocess.run(["kill", "-9", str(first)], check=True)
    second = eventually(
        lambda: next((pid for pid in recovery() if pid != first), None), "recovery runs again"
    )
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    eventually(
        lambda: (
            not Path(f"/proc/{second}/cmdline").exists()
            or not Path(f"/proc/{second}/cmdline").read_bytes()
        ),
        "recovery is gone",
    )


def test_no_malformed_queue_entry_stops_a_worker(running: Cluster) -> None:
    worker = running.start_worker()
    with running.broker.admin() as broker:
        for name, entry in MALFORMED.items():
            broker.lpush("uploads", entry)
            # a worker that dies has not acknowledged it
            eventually(
                lambda: broker.llen("uploads") == 0 and broker.hlen("unacked") == 0,
                f"the entry is dealt with: {name}",
                patience=20,
            )
            assert worker.poll() is None, name
    running.send(12, 4, run_4(running))
    running.wait_for(12, 4)
    time.sleep(1)
    assert worker.poll() is None
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=30) == 0
    with running.broker.admin() as broker:
        assert broker.llen("uploads") == 0
        assert broker.hlen("unacked") == 0
    running.start_worker()  # none of them went back to the queue to stop the next one


ENQUEUE = "import sys; from tasks import enqueue; print(enqueue(12, 4, sys.argv[1]).state)"
DELAY = (
    "import sys; from tasks import package_and_upload; package_and_upload.delay(12, 4, sys.argv[1])"
)


@pytest.mark.parametrize("script", [ENQUEUE, DELAY], ids=["enqueue", "delay"])
def test_a_program_beside_us_asks_by_import(running: Cluster, script: str) -> None:
    running.start_worker()
    subprocess.run(
        [sys.executable, "-c", script, run_4(running)],
        env=running.producers_environment,
        cwd=running.directory,
        check=True,
    )
    running.wait_for(12, 4)


def test_enqueue_answers_soon_while_the_broker_is_away_and_the_upload_lands_later(
    running: Cluster,
) -> None:
    broker = EmbeddedBroker(running.directory / "away")
    away = broker.start()
    broker.stop()
    started = time.monotonic()
    asked = subprocess.run(
        [sys.executable, "-c", ENQUEUE, run_4(running)],
        env=running.environment | {"ONEPREFIX_BROKER_URL": away},
        cwd=running.directory,
        check=True,
        capture_output=True,
        text=True,
    )
    assert asked.stdout.strip() == "REQUESTED"
    assert "a worker will do it" in asked.stderr
    assert time.monotonic() - started < 20
    running.start_worker()
    running.wait_for(12, 4)
