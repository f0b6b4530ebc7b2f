"""`oneprefix orders`: what was ordered by messages, and what became of it."""

from pathlib import Path

import pytest

from tests.cli.command import Command
from worker.database.engine import make_engine
from worker.database.orders import SqlOrders
from worker.models.order import OrderMessage
from worker.use_cases.requests.give_order import GiveOrder


@pytest.fixture
def orders(oneprefix: Command, tmp_path: Path) -> SqlOrders:
    assert oneprefix("db", "upgrade").code == 0
    engine = make_engine(f"sqlite:///{tmp_path / 'data' / 'oneprefix.db'}")
    return SqlOrders(engine, republish=300)


def test_it_shows_state_progress_and_outcome(oneprefix: Command, orders: SqlOrders) -> None:
    assert "No order has been given." in oneprefix("orders", "show").out
    give = GiveOrder(orders)
    give(OrderMessage("first", "archive", (12,), {}))
    give(OrderMessage("wrong", "delete", (12, "13", "ada"), {}))
    give(OrderMessage("other", "migrate", (13,), {}))
    held = orders.claim("first", owner="me", lease=60)
    assert held
    orders.renew(held, lease=60, done=1200, total=5000)
    shown = oneprefix("orders", "show", "12")
    assert "1,200 of 5,000" in shown.out
    assert "confirm is not the job's id" in " ".join(shown.out.split())
    assert "other" not in shown.out
    told = oneprefix("orders", "show", "--json").json["orders"]
    assert {each["id"]: each["state"] for each in told} == {
        "first": "RUNNING",
        "wrong": "FAILED",
        "other": "REQUESTED",
    }
    arguments = {each["id"]: each["arguments"] for each in told}
    assert arguments["other"] == {"job_id": 13}


def test_it_cancels_what_is_not_over(oneprefix: Command, orders: SqlOrders) -> None:
    GiveOrder(orders)(OrderMessage("m", "migrate", (12,), {}))
    cancelled = oneprefix("orders", "cancel", "m")
    assert (cancelled.code, "job 12: migrate: cancelled by " in cancelled.out) == (0, True)
    again = oneprefix("orders", "cancel", "m")
    assert again.code == 1
    assert "order m: nothing to cancel: it is CANCELLED" in again.err
    unknown = oneprefix("orders", "cancel", "n", "--json")
    assert (unknown.code, unknown.json["cancelled"]) == (1, None)
