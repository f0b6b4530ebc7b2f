"""A message whose worker died before it began gets its row, and the row is due."""

import logging
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.broker import FakeDeliveries
from tests.fakes.orders import obeying
from tests.fakes.uploads import FakeDatabase, FakeOutbox, FakeRequests, FakeUploads
from worker.errors import BrokerUnavailable, DatabaseUnavailable
from worker.models.order import Order, OrderMessage, What
from worker.models.upload import Upload, UploadState
from worker.models.upload_request import UploadMessage, UploadRequest
from worker.use_cases.recovery.adopt_messages import AdoptMessages
from worker.use_cases.requests.read_message import ReadMessage

GRACE = 5.0
MESSAGE = UploadMessage("sent", 12, 4, "/r/RUN4")


ORDER = OrderMessage("ordered", "delete", (12, "12", "ada"), {})


@dataclass
class NotedOrders:
    """The ids of orders that were given, and of those that were refused."""

    given: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def find(self, order_id: str) -> Order | None:
        return None

    def give(self, message: OrderMessage, what: What, *, by: str | None = None) -> Order:
        self.given.append(message.id)
        return Order(message.id, message.kind, what.job_id, "{}")

    def refuse(self, message: OrderMessage, *, reason: str) -> Order:
        self.refused.append(message.id)
        return Order(message.id, message.kind, None, "{}", error=reason)


class UnavailableRequests(FakeRequests):
    def request(self, request: UploadRequest, *, published: bool) -> Upload:
        raise DatabaseUnavailable("the database is unavailable")


@dataclass
class World:
    database: FakeDatabase = field(default_factory=FakeDatabase)
    deliveries: FakeDeliveries = field(default_factory=FakeDeliveries)
    orders: NotedOrders = field(default_factory=NotedOrders)
    adopt: AdoptMessages = field(init=False)

    def __post_init__(self) -> None:
        self.adopt = self.adopting(FakeRequests(self.database))
        self.outbox = FakeOutbox(self.database, grace=0, republish=300)

    def adopting(self, requests: FakeRequests) -> AdoptMessages:
        outbox = FakeOutbox(self.database, grace=0, republish=300)
        give_order = obeying(self.orders)
        return AdoptMessages(
            self.deliveries, ReadMessage(requests), give_order, requests, outbox, GRACE
        )

    def take(
        self, message: UploadMessage | OrderMessage | None = MESSAGE, age: float = GRACE + 1
    ) -> None:
        self.deliveries.taken[f"tag {len(self.deliveries.taken)}"] = (age, message)


@pytest.fixture
def world() -> World:
    return World()


def test_a_taken_message_without_a_row_gets_one_that_is_due(world: World) -> None:
    world.take()
    assert world.adopt() == 1
    row = world.database.rows[12, 4]
    assert (row.path, row.state, row.task_id) == ("/r/RUN4", UploadState.REQUESTED, "sent")
    assert len(world.outbox.due()) == 1


def test_a_taken_order_is_kept_and_a_wrong_one_is_refused(world: World) -> None:
    world.take(ORDER)
    world.take(replace(ORDER, id="wrong", arguments=(12, "13", "ada")))
    assert world.adopt() == 2
    assert (world.orders.given, world.orders.refused) == (["ordered"], ["wrong"])


def test_each_message_is_looked_at_until_somebody_works_on_its_upload(world: World) -> None:
    world.take()
    assert [world.adopt(), world.adopt()] == [1, 1]
    FakeUploads(world.database).claim(12, 4, owner="me", lease=60)
    assert [world.adopt(), world.adopt()] == [1, 0]
    world.take()
    assert world.adopt() == 1
    taken = dict(world.deliveries.taken)
    world.deliveries.taken.clear()
    assert world.adopt() == 0
    world.deliveries.taken |= taken  # given back and taken again
    assert world.adopt() == 2


def test_a_worker_has_some_seconds_to_begin(world: World) -> None:
    world.take(age=GRACE - 1)
    assert world.adopt() == 0
    assert world.database.rows == {}


def test_an_upload_that_somebody_works_on_is_left_to_them(world: World) -> None:
    request = UploadRequest(12, 4, "/r/RUN4", task_id="sent")
    FakeRequests(world.database).request(request, published=True)
    FakeUploads(world.database).claim(12, 4, owner="me", lease=60)
    world.take()
    assert world.adopt() == 1
    assert world.outbox.due() == []


@pytest.mark.parametrize(("age", "due"), [(GRACE, 1), (GRACE + 60, 0)])
def test_a_published_upload_is_due_unless_a_newer_message_is_on_its_way(
    world: World, age: float, due: int
) -> None:
    request = UploadRequest(12, 4, "/r/RUN4", task_id="sent")
    FakeRequests(world.database).request(request, published=True)
    world.take(age=age)
    assert world.adopt() == 1
    assert len(world.outbox.due()) == due


def test_a_message_that_asks_for_nothing_is_refused_as_a_worker_would(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.take(UploadMessage("sent", 12, -4, "/r"))
    world.take()
    with caplog.at_level(logging.WARNING):
        assert world.adopt() == 2
    assert "message sent asks for nothing" in caplog.text
    [refusal] = world.database.refusals
    assert "run id must be a positive integer" in refusal.reason
    assert list(world.database.rows) == [(12, 4)]


def test_what_is_no_upload_or_was_acknowledged_meanwhile_leaves_no_row(world: World) -> None:
    world.take(None)
    assert world.adopt() == 1
    assert (world.database.rows, world.database.refusals) == ({}, [])


def test_a_message_is_looked_at_again_if_the_database_was_away(world: World) -> None:
    world.take()
    adopt = world.adopting(UnavailableRequests(world.database))
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable):
            adopt()
    assert world.adopt() == 1


def test_a_broker_that_is_away_is_an_error_for_the_caller_to_log(world: World) -> None:
    world.deliveries.is_away = True
    with pytest.raises(BrokerUnavailable):
        world.adopt()


def test_an_order_for_later_is_given_when_its_time_has_come(world: World) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=0.3)
    world.take(OrderMessage("m", "migrate", (12,), {}, given_at=soon))
    world.adopt()
    assert world.orders.given == []
    time.sleep(0.4)
    world.adopt()
    world.adopt()
    assert world.orders.given == ["m"]
