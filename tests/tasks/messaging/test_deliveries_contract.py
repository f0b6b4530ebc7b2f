"""What every record of unacknowledged messages tells, the fake like kombu's on a real Valkey."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from tasks.messaging.deliveries import KombuDeliveries
from tests.fakes.broker import FakeDeliveries
from worker.embedded.broker import EmbeddedBroker
from worker.errors import BrokerUnavailable
from worker.models.upload_request import UploadMessage
from worker.use_cases.recovery.ports import Deliveries

TASK = "tasks.package_and_upload"


@dataclass(frozen=True)
class Broker:
    deliveries: Deliveries
    take: Callable[[str], object]
    """Send a message for that task about run 4, and take it as a worker does."""
    acknowledge: Callable[[], object]
    """All that was taken."""
    go_away: Callable[[], object]


def fake_broker() -> Broker:
    deliveries = FakeDeliveries()

    def take(task: str) -> None:
        message = UploadMessage("sent", 12, 4, "/r", replace=True)
        deliveries.taken["tag"] = (0.0, message if task == TASK else None)

    def go_away() -> None:
        deliveries.is_away = True

    return Broker(deliveries, take, deliveries.taken.clear, go_away)


@pytest.fixture(params=["fake", "valkey"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    if request.param == "fake":
        yield fake_broker()
        return
    embedded = EmbeddedBroker(tmp_path / "broker")
    taken: list[Any] = []
    with (
        Celery(broker=embedded.start(), set_as_current=False) as app,
        app.connection() as connection,
        connection.channel() as channel,
    ):

        def take(task: str) -> None:
            app.send_task(
                task, [12, 4], {"path": "/r", "replace": True}, task_id="sent", queue="uploads"
            )
            taken.append(channel.basic_get("uploads"))  # type: ignore[attr-defined]  # not in its stubs

        def acknowledge() -> None:
            for message in taken:
                message.ack()

        yield Broker(KombuDeliveries(app), take, acknowledge, embedded.stop)
    embedded.stop()


def test_a_taken_message_is_told_with_its_age_and_its_content(broker: Broker) -> None:
    assert broker.deliveries.unacknowledged(older_than=0) == []
    broker.take(TASK)
    [(tag, age)] = broker.deliveries.unacknowledged(older_than=0)
    assert 0 <= age < 60
    message = UploadMessage("sent", 12, 4, "/r", replace=True)
    assert broker.deliveries.read(tag) == message
    assert broker.deliveries.unacknowledged(older_than=60) == []


def test_an_acknowledged_message_is_told_no_more(broker: Broker) -> None:
    broker.take(TASK)
    [(tag, _)] = broker.deliveries.unacknowledged(older_than=0)
    broker.acknowledge()
    assert broker.deliveries.unacknowledged(older_than=0) == []
    assert broker.deliveries.read(tag) is None


def test_another_tasks_message_has_no_content_for_an_upload(broker: Broker) -> None:
    broker.take("somebody.elses")
    [(tag, _)] = broker.deliveries.unacknowledged(older_than=0)
    assert broker.deliveries.read(tag) is None


def test_a_broker_that_is_away_is_unavailable(broker: Broker) -> None:
    broker.go_away()
    with pytest.raises(BrokerUnavailable):
        broker.deliveries.unacknowledged(older_than=0)
