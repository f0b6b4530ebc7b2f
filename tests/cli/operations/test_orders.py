"""`oneprefix orders`: what was ordered by messages, and what became of it."""

from pathlib import Path

import pytest

from tests.cli.command import Command
from tests.fakes.orders import obeying
from worker.database.engine import make_engine
from worker.database.orders import SqlOrders
from worker.models.order import OrderMessage, OrderState, RestoreOrder


@pytest.fixture
def orders(oneprefix: Command, tmp_path: Path) -> SqlOrders:
    assert oneprefix("db", "upgrade").code == 0
    engine = make_engine(f"sqlite:///{tmp_path / 'data' / 'oneprefix.db'}")
    return SqlOrders(engine, republish=300)


def test_it_shows_state_progress_and_outcome(oneprefix: Command, orders: SqlOrders) -> None:
    assert "No order has been given." in oneprefix("orders", "show").out
    give = obeying(orders)
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
    obeying(orders)(OrderMessage("m", "migrate", (12,), {}))
    cancelled = oneprefix("orders", "cancel", "m")
    assert (cancelled.code, "job 12: migrate: cancelled by " in cancelled.out) == (0, True)
    again = oneprefix("orders", "cancel", "m")
    assert again.code == 1
    assert "order m: nothing to cancel: it is CANCELLED" in again.err
    unknown = oneprefix("orders", "cancel", "n", "--json")
    assert (unknown.code, unknown.json["cancelled"]) == (1, None)


def test_it_gives_orders_and_refuses_what_is_none(oneprefix: Command, orders: SqlOrders) -> None:
    given = oneprefix("orders", "give", "restore", "12", "days=7", "tier=Bulk")
    order = orders.find(given.out.strip())
    assert order
    assert order.state is OrderState.REQUESTED
    assert order.read() == RestoreOrder(12, 7, "Bulk")
    assert "@" in (order.given_by or "")
    told = oneprefix("orders", "give", "delete", "12", "confirm=12", "--json").json
    assert (told["kind"], told["arguments"]["confirm"]) == ("delete", "12")
    for words, reason in [
        (["delete", "12"], "give confirm=…"),
        (["delete", "12", "confirm=13"], "confirm is not the job's id"),
        (["restore", "12", "days=soon"], "days"),
        (["restore", "12", "7"], "'7' is not NAME=VALUE"),
        (["archive", "12", "class=GLACIER"], "'class' is none of job_id, storage_class"),
        (["archive", "12", "to_bucket=theirs"], "orders may not name the bucket 'theirs'"),
        (["destroy", "12"], "'destroy' is not one of"),
    ]:
        refused = oneprefix("orders", "give", *words)
        assert refused.code in (1, 2), words
        assert reason in " ".join(refused.err.replace("│", " ").split())
    assert len(orders.latest()) == 2
