"""What was interrupted goes on before what waits, on a real Valkey."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from celery import Celery
from redis import Redis

from tests.servers.valkey import ValkeyServer

PUBLISH = """
from tasks.app import app
from tasks.messaging.broker import use_own_transport
from tasks.messaging.publisher import CeleryPublisher
from worker.models.upload_request import UploadRequest

use_own_transport()
publish = CeleryPublisher(app).publish
for run_id, urgent in [(4, False), (5, True), (6, True)]:
    assert publish(UploadRequest(12, run_id, "/r", task_id=f"task {run_id}"), urgent=urgent)
"""


REJECT = (
    PUBLISH
    + """
with app.connection() as connection, connection.channel() as channel:
    channel.queue_declare("uploads")
    for _ in range(4):  # two urgent ones, and two that were sent as usual
        taken = channel.basic_get("uploads")
        taken.reject(requeue=True)
        again = channel.basic_get("uploads")
        assert again.properties["correlation_id"] == taken.properties["correlation_id"]
        assert again.delivery_info["redelivered"]
"""
)


@pytest.fixture
def broker_url(tmp_path: Path) -> object:
    broker = ValkeyServer(tmp_path / "broker")
    broker.start()
    yield broker.url("admin")
    broker.stop()


def run(script: str, broker_url: str, home: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", script],
        env={"ONEPREFIX_BROKER_URL": broker_url, "HOME": str(home)},
        cwd=Path(__file__).parents[3],
        check=True,
    )


def test_urgent_messages_are_taken_before_those_that_wait(broker_url: str, tmp_path: Path) -> None:
    with Celery(broker=broker_url, set_as_current=False) as producer:
        for run_id in (1, 2, 3):
            producer.send_task("tasks.package_and_upload", args=[12, run_id, "/r"], queue="uploads")
    run(PUBLISH, broker_url, tmp_path)
    with Redis.from_url(broker_url) as client:
        entries = client.lrange("uploads", 0, -1)[::-1]  # as BRPOP takes them
    runs = [
        json.loads(json.loads(entry)["headers"]["argsrepr"].replace("'", '"')) for entry in entries
    ]
    assert [run_id for _, run_id, _ in runs] == [6, 5, 1, 2, 3, 4]


def test_what_a_lost_process_gives_back_is_taken_next(broker_url: str, tmp_path: Path) -> None:
    with Celery(broker=broker_url, set_as_current=False) as producer:
        for run_id in (1, 2, 3):
            producer.send_task("tasks.package_and_upload", args=[12, run_id, "/r"], queue="uploads")
    run(REJECT, broker_url, tmp_path)
