"""One process carries an order out, and the order's row tells how that ended."""

import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.fakes.orders import obeying
from worker.database.engine import make_engine
from worker.database.orders import SqlOrders
from worker.database.schema import upgrade_schema
from worker.errors import LeaseLost, PartlyFailed, StorageUnavailable
from worker.models.order import Order, OrderMessage, OrderState
from worker.use_cases.orders.carry_out import CarryOutOrder
from worker.use_cases.orders.ports import Tell, Work
from worker.use_cases.retry_policy import RetryPolicy


@pytest.fixture
def orders(tmp_path: Path) -> SqlOrders:
    engine = make_engine(f"sqlite:///{tmp_path / 'jobs.db'}")
    upgrade_schema(engine)
    kept = SqlOrders(engine, republish=300)
    obeying(kept)(OrderMessage("m", "migrate", (12,), {}))
    return kept


def carrying(orders: SqlOrders, work: Work, *, max_attempts: int = 3) -> CarryOutOrder:
    policy = RetryPolicy(max_attempts=max_attempts, base=0.001)
    return CarryOutOrder(orders, work, "me", 60, policy, random.Random(4))


def row(orders: SqlOrders) -> Order:
    found = orders.find("m")
    assert found
    return found


def three(_order: Order, tell: Tell) -> Mapping[str, int]:
    for done in (1, 2, 3):
        tell(done, 3)
    return {"moved": 3}


def failing(error: Exception) -> Work:
    def work(_order: Order, _tell: Tell) -> Mapping[str, int]:
        raise error

    return work


def test_its_row_has_the_result_and_its_progress_is_told(orders: SqlOrders) -> None:
    told: list[tuple[int, int]] = []
    carrying(orders, three)("m", lambda _order, done, total: told.append((done, total)))
    done = row(orders)
    assert (done.state, done.result, done.done, done.total) == (
        OrderState.DONE,
        {"moved": 3},
        3,
        3,
    )
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_much_progress_is_told_now_and_then(orders: SqlOrders) -> None:
    def many(_order: Order, tell: Tell) -> Mapping[str, int]:
        for done in range(1, 10_001):
            tell(done, 10_000)
        return {}

    told: list[int] = []
    carrying(orders, many)("m", lambda _order, done, _total: told.append(done))
    assert told[-1] == 10_000
    assert len(told) < 120


def test_one_that_is_over_or_unknown_is_left_alone(orders: SqlOrders) -> None:
    carrying(orders, three)("m")
    carrying(orders, failing(AssertionError("again")))("m")
    carrying(orders, failing(AssertionError("unknown")))("n")
    assert row(orders).state is OrderState.DONE


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (StorageUnavailable("S3 is slow"), "job 12: S3 is slow"),
        (ZeroDivisionError("division by zero"), "unexpected ZeroDivisionError: division by zero"),
    ],
)
def test_it_is_tried_again_until_it_is_given_up(
    orders: SqlOrders, error: Exception, reason: str
) -> None:
    carry_out = carrying(orders, failing(error), max_attempts=2)
    carry_out("m")
    assert (row(orders).state, row(orders).error) == (OrderState.RETRYING, reason)
    _until_due(orders)
    carry_out("m")
    assert (row(orders).state, row(orders).error) == (OrderState.FAILED, reason)


def test_what_no_retry_helps_fails_at_once(orders: SqlOrders) -> None:
    carrying(orders, failing(PartlyFailed("1 of 2 objects failed: denied")))("m")
    assert row(orders).state is OrderState.FAILED
    assert row(orders).error == "job 12: 1 of 2 objects failed: denied"


def test_one_whose_processes_die_is_given_up(orders: SqlOrders) -> None:
    for _ in range(3):
        assert orders.claim("m", owner="dies", lease=-1)
    carrying(orders, three)("m")
    gave_up = row(orders)
    assert gave_up.state is OrderState.FAILED
    assert gave_up.error == "job 12: gave up after 3 attempts; the last one's process died"


def test_it_is_handed_back_once_the_process_must_stop(orders: SqlOrders) -> None:
    carrying(orders, three)("m", must_stop=lambda: True)
    assert (row(orders).state, row(orders).attempt) == (OrderState.RETRYING, 0)
    assert orders.due() == ["m"]


def test_a_cancelled_one_stops_and_stays_cancelled(orders: SqlOrders) -> None:
    after: list[int] = []

    def cancelled_meanwhile(_order: Order, tell: Tell) -> Mapping[str, int]:
        orders.cancel("m", reason="cancelled by ada")
        _until(lambda: _refuses(tell))
        after.append(1)
        tell(3, 3)
        raise AssertionError("not reached")

    policy = RetryPolicy()
    CarryOutOrder(orders, cancelled_meanwhile, "me", 1, policy, random.Random(4))("m")
    assert after
    assert (row(orders).state, row(orders).error) == (OrderState.CANCELLED, "cancelled by ada")


def _refuses(tell: Tell) -> bool:
    try:
        tell(1, 3)
    except LeaseLost:
        return True
    return False


def _until_due(orders: SqlOrders) -> None:
    _until(lambda: bool(orders.due()))


def _until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)
