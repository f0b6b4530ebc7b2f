"""Recovery has due orders carried out, and tells Celery how they ended."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.fakes.orders import obeying
from worker.database.engine import make_engine
from worker.database.orders import SqlOrders
from worker.database.schema import upgrade_schema
from worker.models.order import Order, OrderMessage
from worker.models.upload_request import UploadRequest
from worker.use_cases.recovery.answer_orders import AnswerOrders
from worker.use_cases.recovery.start_orders import StartOrders


@dataclass
class Publisher:
    is_away: bool = False
    published: list[str] = field(default_factory=list)

    def publish(self, request: UploadRequest, *, urgent: bool = False, retries: int = 0) -> bool:
        raise NotImplementedError

    def publish_order(self, order: Order) -> bool:
        if not self.is_away:
            self.published.append(order.id)
        return not self.is_away


@pytest.fixture
def orders(tmp_path: Path) -> SqlOrders:
    engine = make_engine(f"sqlite:///{tmp_path / 'jobs.db'}")
    upgrade_schema(engine)
    return SqlOrders(engine, republish=300)


def give(orders: SqlOrders, order_id: str) -> None:
    obeying(orders)(OrderMessage(order_id, "migrate", (12,), {}))


def end(orders: SqlOrders, order_id: str) -> None:
    order = orders.claim(order_id, owner="me", lease=60)
    assert order
    orders.finish(order, {}, done=0)


def test_the_process_is_started_only_if_an_order_is_due(orders: SqlOrders) -> None:
    started: list[int] = []
    start = StartOrders(orders, lambda: started.append(1))
    assert start() == 0
    give(orders, "m")
    assert start() == 1
    end(orders, "m")
    assert start() == 0
    assert len(started) == 1


def test_the_end_of_each_order_is_published_once(orders: SqlOrders) -> None:
    publisher = Publisher()
    answer = AnswerOrders(orders, publisher)
    give(orders, "m")
    give(orders, "n")
    assert answer() == 0
    end(orders, "m")
    end(orders, "n")
    assert (answer(), answer()) == (2, 0)
    assert sorted(publisher.published) == ["m", "n"]


def test_what_the_broker_does_not_take_is_published_later(orders: SqlOrders) -> None:
    publisher = Publisher(is_away=True)
    answer = AnswerOrders(orders, publisher)
    give(orders, "m")
    end(orders, "m")
    assert answer() == 0
    publisher.is_away = False
    assert answer() == 1
