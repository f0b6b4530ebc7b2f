"""Messages that a worker took and died with, on a real Valkey and SQLite."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from worker.embedded.broker import EmbeddedBroker

#: Takes what is in the queue, adopts it twice, and again once all is acknowledged.
SCRIPT = """
import json
from dataclasses import asdict
from tasks.app import app
from tasks.messaging.broker import use_own_transport
from tasks.messaging.deliveries import KombuDeliveries
from tasks.services import services
from worker.use_cases.recovery.adopt_messages import AdoptMessages

use_own_transport()
services().upgrade_schema()
using = services()
adopt = AdoptMessages(
    KombuDeliveries(app),
    using.read_message,
    using.give_order,
    using.requests,
    using.outbox,
    grace=0,
)
with app.connection() as connection, connection.channel() as channel:
    channel.queue_declare("uploads")
    taken = []
    while message := channel.basic_get("uploads"):
        taken.append(message)
    looked_at = [adopt(), adopt()]
    for message in taken:
        message.ack()
    looked_at.append(adopt())
rows = [asdict(row) for row in services().upload_list.uploads()]
refused = [each.reason for each in services().upload_list.refusals()]
print(json.dumps({"looked_at": looked_at, "rows": rows, "refused": refused}, default=str))
"""


@pytest.fixture
def broker_url(tmp_path: Path) -> Iterator[str]:
    broker = EmbeddedBroker(tmp_path / "broker")
    yield broker.start()
    broker.stop()


def adopted(broker_url: str, directory: Path) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={
            "ONEPREFIX_BROKER_URL": broker_url,
            "ONEPREFIX_DATA_DIR": str(directory / "data"),
            "HOME": str(directory),
        },
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


def test_each_taken_message_gets_one_row(broker_url: str, tmp_path: Path) -> None:
    with Celery(broker=broker_url, set_as_current=False) as producer:
        for run_id in (4, 5):
            producer.send_task(
                "tasks.package_and_upload",
                args=[12, run_id],
                kwargs={"path": f"/r/RUN{run_id}", "replace": True},
                task_id=f"message {run_id}",
                queue="uploads",
            )
    found = adopted(broker_url, tmp_path)
    # once more, since nobody works on the uploads; then they are acknowledged
    assert found["looked_at"] == [2, 2, 0]
    assert [
        (row["run_id"], row["path"], row["state"], row["task_id"]) for row in found["rows"]
    ] == [
        (4, "/r/RUN4", "REQUESTED", "message 4"),
        (5, "/r/RUN5", "REQUESTED", "message 5"),
    ]


def test_what_asks_for_nothing_is_refused_as_a_worker_would(
    broker_url: str, tmp_path: Path
) -> None:
    with Celery(broker=broker_url, set_as_current=False) as producer:
        producer.send_task("tasks.package_and_upload", args=[12, -4, "/r"], queue="uploads")
        producer.send_task("tasks.package_and_upload", args=[12], queue="uploads")
        producer.send_task(
            "tasks.package_and_upload", args=[12, 4, "/r", False, 1], queue="uploads"
        )
        producer.send_task("somebody.elses", args=[12, 4, "/r"], queue="uploads")
    found = adopted(broker_url, tmp_path)
    assert found["looked_at"] == [4, 0, 0]
    [row] = found["rows"]
    assert (row["run_id"], row["state"]) == (4, "FAILED")
    assert "too many positional arguments" in row["error"]
    missing, negative = found["refused"]
    assert "missing a required argument: 'run_id'" in missing
    assert "run id must be" in negative
