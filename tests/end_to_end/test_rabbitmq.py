"""The main job with RabbitMQ as the broker, by setting alone."""

import json
import os
import signal
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from amqp import Connection as RawConnection
from amqp import Message as RawMessage
from amqp.exceptions import AMQPError
from celery import Celery
from kombu import Connection, Queue

from tasks.messaging.deliveries import MARK_QUEUE
from tests.cli.command import ONEPREFIX
from tests.end_to_end.cluster import Cluster, cluster, eventually
from tests.end_to_end.test_nothing_is_lost import pool_children
from tests.servers import rabbitmq
from tests.servers.faults import Hang
from tests.servers.strict_bucket import Strict
from tests.tasks.messaging.malformed import MALFORMED
from worker.models.upload import UploadState

pytestmark = [
    pytest.mark.skipif(not rabbitmq.is_installed(), reason="rabbitmq-server is not installed"),
    pytest.mark.timeout(400),  # it takes its time to start
    pytest.mark.xdist_group("rabbitmq"),
]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with rabbitmq.rabbitmq(tmp_path_factory.mktemp("rabbitmq")) as url:
        yield url


@pytest.fixture
def running(tmp_path: Path, strict: Strict, database_url: str, broker: str) -> Iterator[Cluster]:
    with cluster(tmp_path, strict, database_url) as started:
        started.broker_url = started.producers_broker_url = started.operators_broker_url = broker
        with Connection(broker) as connection, connection.channel() as channel:
            for left in ("uploads", MARK_QUEUE):  # by the test before, with another database
                Queue(left, channel=channel).delete()
        (started.results / "RUN4").mkdir()
        (started.results / "RUN4" / "out.csv").write_text("1,2\n" * 1000)
        yield started


def path_of(running: Cluster) -> str:
    return str(running.results / "RUN4")


def test_a_finished_run_lands(running: Cluster) -> None:
    running.start_worker()
    running.enqueue(12, 4, path_of(running))
    assert running.wait_for(12, 4).attempt == 1


def test_another_database_is_refused_the_same_virtual_host(
    running: Cluster, tmp_path: Path
) -> None:
    running.start_worker()
    running.enqueue(12, 4, path_of(running))
    running.wait_for(12, 4)
    environment = {**os.environ, **running.environment, "ONEPREFIX_DATA_DIR": str(tmp_path / "b")}
    environment["ONEPREFIX_DATABASE_URL"] = f"sqlite:///{tmp_path / 'another.db'}"
    subprocess.run([*ONEPREFIX, "db", "upgrade"], env=environment, check=True)
    done = subprocess.run(
        [*ONEPREFIX, "worker"],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "delete the queue oneprefix.installation" in done.stderr
    assert "Traceback" not in done.stderr


def test_any_celery_program_asks_by_name(running: Cluster) -> None:
    running.start_worker()
    with Celery(broker=running.broker_url, set_as_current=False) as producer:
        producer.conf.task_create_missing_queue_type = "quorum"
        arguments = [12, 4, path_of(running)]
        producer.send_task("tasks.package_and_upload", args=arguments, queue="uploads")
    running.wait_for(12, 4)


def test_an_upload_whose_child_is_killed_goes_on(running: Cluster) -> None:
    worker = running.start_worker()
    running.strict.proxy.fault(lambda request: request.operation == "PutObject", Hang(600))
    running.enqueue(12, 4, path_of(running))
    running.wait_for(12, 4, UploadState.UPLOADING)
    for child in pool_children(worker.pid):
        os.kill(child, signal.SIGKILL)
    running.strict.proxy.mend()
    assert running.wait_for(12, 4).attempt == 2
    assert worker.poll() is None


def test_a_row_without_a_message_lands(running: Cluster) -> None:
    running.start_worker()
    with running.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO uploads (job_id, run_id, path) VALUES (12, 4, %s)", (path_of(running),)
        )
    running.wait_for(12, 4)


def test_an_order_has_its_own_queue(running: Cluster) -> None:
    running.start_worker(ONEPREFIX_ORDERS_BY_MESSAGE="true")
    running.enqueue(12, 4, path_of(running))
    running.wait_for(12, 4)
    with Celery(broker=running.broker_url, set_as_current=False) as producer:
        producer.conf.task_create_missing_queue_type = "quorum"
        producer.send_task("tasks.delete_job", args=[12, "12", "ada"], queue="oneprefix.orders")
    eventually(lambda: running.scalar("SELECT answered_at FROM job_orders"), "it is told")
    assert running.scalar("SELECT result FROM job_orders") == '{"deleted": 1}'


def raw(entry: bytes) -> RawMessage | None:
    """The message of RabbitMQ that says the same; None if there can be none."""
    try:
        told = json.loads(entry)
        body = b64decode(told["body"], validate=True)
        properties: dict[str, Any] = {"content_encoding": str(told["content-encoding"])}
        content_type, headers = told["content-type"], told["headers"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    if content_type is not None:
        properties["content_type"] = str(content_type)
    if isinstance(headers, dict):
        properties["application_headers"] = headers
    return RawMessage(body, **properties)


def nested(levels: int) -> dict[str, Any]:
    return {"x": nested(levels - 1)} if levels else {}


HOSTILE = {name: message for name, entry in MALFORMED.items() if (message := raw(entry))} | {
    "nothing at all": RawMessage(b""),
    "no text in a header": RawMessage(b"", application_headers={"task": b"\xff", "id": b"\xff"}),
    "a type that is no text": RawMessage(b"", content_type=b"\xff"),
    "a name that is no text": RawMessage(b"", application_headers={b"\xff": 1}),
    "a time beyond all years": RawMessage(b"", timestamp=2**60),
    "nested headers": RawMessage(b"", application_headers=nested(200)),
}


class Hostile:
    """A program that sends what it likes."""

    def __init__(self, url: str) -> None:
        self._host = url.rpartition("@")[2].strip("/")

    def send(self, message: RawMessage, *, exchange: str = "", to: Any = "uploads") -> None:
        # RabbitMQ itself refuses some of them, by an error that ends the connection
        with suppress(AMQPError, OverflowError), self._channel() as channel:
            channel.basic_publish(message, exchange=exchange, routing_key=to)

    def waiting(self) -> int:
        with self._channel() as channel:
            return int(channel.queue_declare("uploads", passive=True).message_count)

    @contextmanager
    def _channel(self) -> Iterator[Any]:
        connection = RawConnection(host=self._host, userid="guest", password="guest")
        with connection:
            yield connection.channel()


@pytest.fixture
def hostile(running: Cluster) -> Hostile:
    return Hostile(running.broker_url)


def is_listening(running: Cluster) -> bool:
    with running.operator as operator:
        return bool(operator.control.ping(timeout=1))


def test_no_malformed_message_stops_a_worker_or_keeps_it_from_working(
    running: Cluster, hostile: Hostile
) -> None:
    running.start_worker().terminate()  # which has declared the queue
    running.workers[0].wait(30)
    for message in HOSTILE.values():
        hostile.send(message)
    # they arrive while it says that it is ready
    worker = running.start_worker()
    eventually(lambda: hostile.waiting() == 0, "they are taken")
    for message in HOSTILE.values():
        hostile.send(message)
    running.enqueue(12, 4, path_of(running))
    running.wait_for(12, 4)
    log = running.log(1)
    assert worker.poll() is None
    # Celery tells of a task that it does not know with a traceback, and goes on
    assert log.count("Traceback") == log.count("Received unregistered task")
    assert "a malformed message to 'uploads' is rejected: " in log
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
    assert hostile.waiting() == 0


def test_no_broadcast_stops_a_worker(running: Cluster, hostile: Hostile) -> None:
    worker = running.start_worker()
    eventually(lambda: is_listening(running), "the worker listens")
    for message in HOSTILE.values():
        for exchange in ("celery.pidbox", "celeryev"):
            hostile.send(message, exchange=exchange, to="worker.x")
    hostile.send(RawMessage(b""), exchange="celery.pidbox", to=b"\xff")
    eventually(lambda: is_listening(running), "the worker still listens")
    running.enqueue(12, 4, path_of(running))
    running.wait_for(12, 4)
    assert worker.poll() is None
