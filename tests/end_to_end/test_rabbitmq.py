"""The main job with RabbitMQ as the broker, by setting alone."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery
from kombu import Connection, Queue

from tests.end_to_end.cluster import Cluster, cluster, eventually
from tests.end_to_end.test_nothing_is_lost import pool_children
from tests.servers import rabbitmq
from tests.servers.faults import Hang
from tests.servers.strict_bucket import Strict
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
        started.broker_url = broker
        with Connection(broker) as connection, connection.channel() as channel:
            Queue("uploads", channel=channel).delete()  # with the messages of the test before
        (started.results / "RUN4").mkdir()
        (started.results / "RUN4" / "out.csv").write_text("1,2\n" * 1000)
        yield started


def path_of(running: Cluster) -> str:
    return str(running.results / "RUN4")


def test_a_finished_run_lands(running: Cluster) -> None:
    running.start_worker()
    running.enqueue(12, 4, path_of(running))
    assert running.wait_for(12, 4).attempt == 1


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
    running.start_worker()
    running.enqueue(12, 4, path_of(running))
    running.wait_for(12, 4)
    with Celery(broker=running.broker_url, set_as_current=False) as producer:
        producer.conf.task_create_missing_queue_type = "quorum"
        producer.send_task("tasks.delete_job", args=[12, "12", "ada"], queue="oneprefix.orders")
    eventually(lambda: running.scalar("SELECT answered_at FROM job_orders"), "it is told")
    assert running.scalar("SELECT result FROM job_orders") == '{"deleted": 1}'
