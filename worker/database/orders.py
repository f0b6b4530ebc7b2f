"""Keep orders about whole jobs: given once, carried out by one process, answered once."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, literal, or_, select, update

from worker.database.engine import SqlRepository, transaction
from worker.database.tables import orders
from worker.database.types import Instant, now
from worker.errors import LeaseLost
from worker.models.order import Order, OrderMessage, OrderState, What
from worker.models.upload_request import MAX_TEXT, column_id, storable
from worker.models.validation import stored_json

_COLUMNS = (
    *(orders.c[name] for name in Order.__slots__ if name not in ("age", "follow_up")),
    orders.c.wanted.label("follow_up"),
    now().label("read_at"),
)
#: Seconds that a worker has to tell how an order ended, before another one does.
MAX_ANSWER_SECONDS = 60.0
_NOBODY = {"owner": None, "lease_until": None}
_OVER = [state for state in OrderState if state.is_over]


@dataclass(frozen=True, slots=True)
class SqlOrders(SqlRepository):
    """`republish`: seconds after which a message that caused nothing counts as lost."""

    republish: float

    def give(self, message: OrderMessage, what: What, *, by: str | None = None) -> Order:
        return self._kept(
            message,
            job_id=what.job_id,
            arguments=json.dumps(asdict(what)),
            given_by=by,
            **_given_at(message),
        )

    def refuse(self, message: OrderMessage, *, reason: str) -> Order:
        told = json.dumps([message.arguments, message.keywords], default=repr)
        if len(told) > MAX_TEXT:  # cut, it would be no JSON
            told = json.dumps([[told[: MAX_TEXT // 4]], {}])
        return self._kept(
            message,
            job_id=column_id(message.job_id),
            arguments=told,
            state=OrderState.FAILED,
            error=storable(reason),
        )

    def find(self, order_id: str) -> Order | None:
        rows = self._rows(select(*_COLUMNS).where(orders.c.id == order_id))
        return next(map(_as_order, rows), None)

    def latest(self, job_id: int | None = None, *, limit: int = 1000) -> list[Order]:
        """The orders, of that job or of all, the latest first."""
        query = select(*_COLUMNS).order_by(orders.c.given_at.desc(), orders.c.id).limit(limit)
        if job_id is not None:
            query = query.where(orders.c.job_id == job_id)
        return [_as_order(row) for row in self._rows(query)]

    def due(self, limit: int = 100) -> list[str]:
        query = select(orders.c.id).where(_is_due()).order_by(orders.c.given_at).limit(limit)
        return [order_id for (order_id,) in self._rows(query)]

    def claim(self, order_id: str, *, owner: str, lease: float) -> Order | None:
        taken = (
            update(orders)
            .where(orders.c.id == order_id, _is_due())
            .values(
                state=OrderState.RUNNING,
                owner=owner,
                fence=orders.c.fence + 1,
                lease_until=now(lease),
                attempt=orders.c.attempt + 1,
                next_attempt_at=None,
                done=0,
                total=None,
                updated_at=now(),
            )
            .returning(*_COLUMNS)
        )
        return next(map(_as_order, self._rows(taken)), None)

    def renew(self, order: Order, *, lease: float, done: int, total: int | None) -> None:
        self._write(order, lease_until=now(lease), done=done, total=total)

    def finish(self, order: Order, result: Mapping[str, int], *, done: int) -> None:
        self._write(
            order,
            state=OrderState.DONE,
            result=json.dumps(result),
            error=None,
            done=done,
            total=done,
            **_NOBODY,
        )

    def fail(self, order: Order, *, error: str) -> None:
        self._write(order, state=OrderState.FAILED, error=storable(error), **_NOBODY)

    def retry(self, order: Order, *, error: str, delay: float) -> None:
        self._write(
            order,
            state=OrderState.RETRYING,
            error=storable(error),
            next_attempt_at=now(delay),
            **_NOBODY,
        )

    def hand_back(self, order: Order) -> None:
        """Make the order due at once, for another process, without using up an attempt."""
        self._write(
            order,
            state=OrderState.RETRYING,
            error="handed back by a worker that stops",
            attempt=orders.c.attempt - 1,
            next_attempt_at=now(),
            **_NOBODY,
        )

    def cancel(self, order_id: str, *, reason: str) -> Order | None:
        cancelled = (
            update(orders)
            .where(orders.c.id == order_id, ~orders.c.state.in_(_OVER))
            .values(
                state=OrderState.CANCELLED,
                fence=orders.c.fence + 1,
                error=storable(reason),
                next_attempt_at=None,
                updated_at=now(),
                **_NOBODY,
            )
            .returning(*_COLUMNS)
        )
        return next(map(_as_order, self._rows(cancelled)), None)

    def held_on(self, machine: str) -> list[Order]:
        there = orders.c.owner.contains(f"@{machine}.", autoescape=True)
        is_leased = and_(orders.c.state == OrderState.RUNNING, orders.c.lease_until >= now())
        return [_as_order(row) for row in self._rows(select(*_COLUMNS).where(is_leased, there))]

    def release(self, order: Order) -> None:
        self._changed(_held(order).values(lease_until=now(-1), updated_at=now()))

    def unanswered(self, limit: int = 100) -> list[str]:
        query = select(orders.c.id).where(self._is_unanswered()).limit(limit)
        return [order_id for (order_id,) in self._rows(query)]

    def take_answer(self, order_id: str) -> Order | None:
        taken = (
            update(orders)
            .where(orders.c.id == order_id, self._is_unanswered())
            .values(published_at=now())
            .returning(*_COLUMNS)
        )
        return next(map(_as_order, self._rows(taken)), None)

    def give_back_answer(self, order_id: str) -> None:
        self._changed(update(orders).where(orders.c.id == order_id).values(published_at=None))

    def claim_answer(self, order_id: str) -> bool:
        """Whether this message is to tell how the order ended; another one may for a minute."""
        nobody = or_(orders.c.lease_until.is_(None), orders.c.lease_until < now())
        statement = update(orders).where(
            orders.c.id == order_id, orders.c.answered_at.is_(None), nobody
        )
        return self._changed(statement.values(lease_until=now(MAX_ANSWER_SECONDS))) > 0

    def answered(self, order_id: str) -> None:
        self._changed(update(orders).where(orders.c.id == order_id).values(answered_at=now()))

    def _kept(self, message: OrderMessage, **values: Any) -> Order:
        """The row of the message's order, which an earlier delivery may have made."""
        row = self._insert_into(orders).values(
            id=message.id, kind=message.kind, wanted=message.follow_up, **values
        )
        kept = select(*_COLUMNS).where(orders.c.id == message.id)
        with transaction(self.engine) as connection:
            connection.execute(row.on_conflict_do_nothing(index_elements=["id"]))
            return _as_order(connection.execute(kept).one())

    def _write(self, order: Order, **values: Any) -> None:
        """Write to the row of an order that this process holds; raises LeaseLost."""
        if not self._changed(_held(order).values(updated_at=now(), **values)):
            raise LeaseLost(f"order {order.id} was cancelled, or another process has it")

    def _is_unanswered(self) -> ColumnElement[bool]:
        lost = orders.c.published_at < now(-self.republish)
        return and_(
            orders.c.answered_at.is_(None),
            orders.c.state.in_(_OVER),
            or_(orders.c.lease_until.is_(None), orders.c.lease_until < now()),
            or_(orders.c.published_at.is_(None), lost),
        )


def _is_due() -> ColumnElement[bool]:
    return or_(
        orders.c.state == OrderState.REQUESTED,
        and_(orders.c.state == OrderState.RETRYING, orders.c.next_attempt_at <= now()),
        and_(orders.c.state == OrderState.RUNNING, orders.c.lease_until < now()),
    )


def _held(order: Order) -> Any:
    return update(orders).where(
        orders.c.id == order.id,
        orders.c.fence == order.fence,
        orders.c.state == OrderState.RUNNING,
    )


def _given_at(message: OrderMessage) -> dict[str, Any]:
    """The time that the message tells, but none to come: a producer's clock may be ahead."""
    if message.given_at is None:
        return {}
    told = literal(message.given_at, Instant)
    return {"given_at": case((told < now(), told), else_=now())}


def _as_order(row: Row[Any]) -> Order:
    values = row._asdict()
    age = values.pop("read_at") - values["given_at"]
    result = stored_json(values["result"])
    return Order(
        **values
        | {
            "age": max(age, timedelta()).total_seconds(),
            "state": OrderState(values["state"]),
            "result": result if _are_counts(result) else None,
        }
    )


def _are_counts(result: Any) -> bool:
    return isinstance(result, dict) and all(isinstance(each, int) for each in result.values())
