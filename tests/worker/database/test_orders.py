"""Orders are kept once, carried out by one process at a time, and answered once."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import ANY

import pytest
from sqlalchemy import Engine, insert, text

from tests.fakes.orders import obeying
from worker.database.orders import SqlOrders
from worker.database.tables import orders
from worker.errors import InvalidRequest, LeaseLost
from worker.models.order import Order, OrderMessage, OrderState
from worker.use_cases.requests.give_order import NO_AUTHORITY, GiveOrder

MESSAGE = OrderMessage("m", "delete", (12, "12", "ada"), {})


@pytest.fixture
def kept(engine: Engine) -> SqlOrders:
    return SqlOrders(engine, republish=300)


def give(kept: SqlOrders, **changes: Any) -> Order:
    values = {"id": "m", "kind": "delete", "arguments": (12, "12", "ada"), "keywords": {}}
    return obeying(kept)(OrderMessage(**values | changes))


def claimed(kept: SqlOrders, order_id: str = "m", lease: float = 60) -> Order:
    order = kept.claim(order_id, owner="me", lease=lease)
    assert order
    return order


def test_a_message_that_comes_again_gives_no_second_order(kept: SqlOrders) -> None:
    first = give(kept)
    assert (first.job_id, first.kind, first.state) == (12, "delete", OrderState.REQUESTED)
    kept.finish(claimed(kept), {"deleted": 3}, done=3)
    again = give(kept)
    assert (again.state, again.result, again.done) == (OrderState.DONE, {"deleted": 3}, 3)
    assert again.given_at == first.given_at
    assert kept.due() == []


def test_an_order_is_given_when_its_message_says_so_but_not_in_the_future(kept: SqlOrders) -> None:
    now = datetime.now(UTC)
    earlier = give(kept, given_at=now - timedelta(hours=2))
    assert earlier.age == pytest.approx(7200, abs=60)
    later = give(kept, id="later", given_at=now + timedelta(hours=2))
    untold = give(kept, id="untold")
    assert later.age < 60
    assert untold.age < 60


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"arguments": (12, "13", "ada")}, "confirm is not the job's id"),
        ({"arguments": (12, "12", "ada", None, "jobs/13/2025/10/23/211500/")}, "of another job"),
        ({"arguments": (12, "12", "ada", None, "jobs/12/")}, "prefix"),
        ({"arguments": ()}, "missing 2 required positional arguments"),
        ({"keywords": {"force": True}}, "unexpected keyword argument 'force'"),
        ({"arguments": ("12", "12", "ada")}, "job id must be a positive integer"),
        ({"arguments": (2**63, str(2**63), "a")}, "job id must be below 2^63"),
        ({"kind": "archive", "arguments": (12, "COLD")}, "'COLD' is not a valid StorageClass"),
        ({"kind": "archive", "arguments": (12, "GLACIER", "old")}, "unsupported type"),
        ({"kind": "restore", "arguments": (12, 0)}, "days must be a positive integer"),
        ({"kind": "verify", "arguments": (12, -4)}, "run id must be a positive integer"),
    ],
)
def test_a_wrong_order_leaves_a_failed_row(
    kept: SqlOrders, changes: dict[str, Any], reason: str
) -> None:
    order = give(kept, **changes)
    assert order.state is OrderState.FAILED
    assert order.error
    assert reason in order.error
    assert kept.due() == []


def test_one_process_has_it_until_its_lease_runs_out(kept: SqlOrders) -> None:
    give(kept)
    first = claimed(kept, lease=0.2)
    assert kept.claim("m", owner="other", lease=60) is None
    kept.renew(first, lease=0.2, done=2, total=5)
    time.sleep(0.3)
    assert kept.due() == ["m"]
    second = claimed(kept)
    assert (second.attempt, second.fence) == (2, first.fence + 1)
    with pytest.raises(LeaseLost):
        kept.renew(first, lease=60, done=3, total=5)
    with pytest.raises(LeaseLost):
        kept.finish(first, {}, done=5)
    with pytest.raises(LeaseLost):
        kept.fail(first, error="late")
    with pytest.raises(LeaseLost):
        kept.retry(first, error="late", delay=0)
    kept.finish(second, {}, done=5)
    assert kept.find("m") is not None


def test_one_that_failed_for_now_waits_and_one_that_was_handed_back_does_not(
    kept: SqlOrders,
) -> None:
    give(kept)
    kept.retry(claimed(kept), error="S3 is slow", delay=60)
    assert kept.due() == []
    give(kept, id="back")
    kept.hand_back(claimed(kept, "back"))
    assert kept.due() == ["back"]
    assert claimed(kept, "back").attempt == 1


def test_a_cancelled_order_is_nobodys_any_more(kept: SqlOrders) -> None:
    give(kept)
    held = claimed(kept)
    cancelled = kept.cancel("m", reason="cancelled by ada")
    assert cancelled
    assert (cancelled.state, cancelled.error) == (OrderState.CANCELLED, "cancelled by ada")
    with pytest.raises(LeaseLost):
        kept.renew(held, lease=60, done=1, total=2)
    assert kept.cancel("m", reason="again") is None
    assert kept.cancel("unknown", reason="x") is None


def test_the_leases_of_this_machines_processes_are_found_and_released(kept: SqlOrders) -> None:
    give(kept)
    assert kept.claim("m", owner="host:1@machine.ns.77", lease=60)
    assert kept.held_on("other.ns") == []
    [held] = kept.held_on("machine.ns")
    kept.release(held)
    assert kept.due() == ["m"]


def test_the_end_of_an_order_is_told_once(kept: SqlOrders) -> None:
    give(kept, follow_up='{"link": []}')
    assert kept.unanswered() == []
    kept.finish(claimed(kept), {"deleted": 1}, done=1)
    assert kept.unanswered() == ["m"]
    taken = kept.take_answer("m")
    assert taken
    assert taken.follow_up == '{"link": []}'
    assert kept.take_answer("m") is None
    kept.give_back_answer("m")
    assert kept.take_answer("m")
    assert kept.claim_answer("m")
    assert not kept.claim_answer("m")
    kept.answered("m")
    kept.give_back_answer("m")
    assert kept.unanswered() == []


def test_a_row_is_an_order_too(engine: Engine, kept: SqlOrders) -> None:
    with engine.begin() as connection:
        for row_id, arguments in (("right", '{"job_id": 12}'), ("wrong", "12")):
            row = {"id": row_id, "kind": "migrate", "job_id": 12, "arguments": arguments}
            connection.execute(insert(orders).values(row))
    assert set(kept.due()) == {"right", "wrong"}
    assert claimed(kept, "right").read().job_id == 12
    with pytest.raises(ValueError, match="this is no order to migrate"):
        claimed(kept, "wrong").read()


def test_they_are_listed_the_latest_first(engine: Engine, kept: SqlOrders) -> None:
    give(kept)
    give(kept, id="other", arguments=(13, "13", "bob"))
    with engine.begin() as connection:
        connection.execute(text("UPDATE job_orders SET given_at = '2025-01-01' WHERE id = 'm'"))
    assert [each.id for each in kept.latest()] == ["other", "m"]
    assert [each.id for each in kept.latest(12)] == ["m"]
    assert len(kept.latest(limit=1)) == 1


def test_a_message_without_authority_verifies_and_is_refused_what_moves_or_deletes(
    kept: SqlOrders,
) -> None:
    give_order = GiveOrder(kept, lambda _bucket: None)
    refused = give_order(MESSAGE)
    assert (refused.state, refused.error) == (OrderState.FAILED, NO_AUTHORITY)
    assert give_order(MESSAGE) == replace(refused, age=ANY)
    verify = OrderMessage("v", "verify", (12,), {})
    assert give_order(verify).state is OrderState.REQUESTED
    own = give_order(replace(MESSAGE, id="own"), own=True)
    assert own.state is OrderState.REQUESTED


def test_a_given_order_names_its_giver_and_the_databases_role(
    kept: SqlOrders, engine: Engine
) -> None:
    give_order = GiveOrder(kept, lambda _bucket: None)
    given = give_order.directly("m", "delete", {"job_id": 12, "confirm": "12"}, by="ada")
    role = {"postgresql": "postgres", "sqlite": None}[engine.dialect.name]
    assert (given.given_by, given.given_as, given.state) == ("ada", role, OrderState.REQUESTED)
    ringing = replace(MESSAGE, arguments=(13, "13", "somebody else"))
    assert give_order(ringing) == replace(given, age=ANY)


@pytest.mark.parametrize(
    ("kind", "arguments", "reason"),
    [
        ("destroy", {}, "'destroy' is no order: those are verify, archive"),
        ("delete", {"confirm": "13"}, "confirm is not the job's id"),
        ("archive", {"to_bucket": "theirs"}, "not 'theirs'"),
    ],
)
def test_what_is_no_order_is_not_written(
    kept: SqlOrders, kind: str, arguments: dict[str, Any], reason: str
) -> None:
    def require(bucket: str | None) -> None:
        if bucket:
            raise InvalidRequest(f"not {bucket!r}")

    give_order = GiveOrder(kept, require)
    with pytest.raises(InvalidRequest, match=reason):
        give_order.directly("m", kind, {"job_id": 12, **arguments}, by="ada")
    assert kept.latest() == []
