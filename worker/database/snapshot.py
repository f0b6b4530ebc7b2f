"""Count uploads and orders, in statements that look at no row that has landed."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    and_,
    case,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)

from worker.database.engine import SqlRepository
from worker.database.tables import orders, totals, uploads
from worker.database.types import Instant, now
from worker.database.uploads.conditions import (
    is_being_copied,
    is_leased,
    is_over,
    lease_ran_out,
    request_is_due,
    retry_is_due,
)
from worker.models.order import OrderState
from worker.models.snapshot import Ended, IncompleteUploads, Snapshot, UnderWay
from worker.models.upload import UploadState

#: States in which they are under way.
_UPLOADS = [state for state in UploadState if not state.is_over]
_ORDERS = [state for state in OrderState if not state.is_over]


class SqlSnapshot(SqlRepository):
    def read(self) -> Snapshot:
        """Count what there is now, and has been.

        What is under way is counted row by row, by the indexes of recovery; what is over is read
        from its totals.
        """
        uploads_under_way = {row.state: row for row in self._rows(_uploads_under_way())}
        orders_under_way = {row.state: row for row in self._rows(_orders_under_way())}
        sums = {(row.subject, row.state): row for row in self._rows(_totals())}

        def ended(subject: str, state: str) -> Ended:
            row = sums.get((subject, state))
            return Ended(row.ended, row.present) if row else Ended()

        landed = sums.get(("uploads", UploadState.LANDED))
        return Snapshot(
            uploads={state: _counted(uploads_under_way.get(state)) for state in _UPLOADS},
            ended_uploads={each: ended("uploads", each) for each in UploadState if each.is_over},
            landed_bytes=landed.bytes if landed else 0,
            refused_messages=ended("uploads", "REFUSED").ever,
            expired_leases=uploads_under_way[UploadState.UPLOADING].expired,
            incomplete_uploads=self._incomplete_uploads(),
            orders={state: _counted(orders_under_way.get(state)) for state in _ORDERS},
            ended_orders={each: ended("job_orders", each) for each in OrderState if each.is_over},
        )

    def _incomplete_uploads(self) -> IncompleteUploads:
        held = or_(is_leased(), is_being_copied())
        query = select(
            func.count(),
            func.count().filter(held),
            func.count().filter(and_(is_over(), ~is_being_copied())),
        ).where(uploads.c.multipart_upload_id.is_not(None))
        [(found, under_way, left)] = self._rows(query)
        return IncompleteUploads(under_way, found - under_way - left, left)


def _uploads_under_way() -> Any:
    """One row for each state, each by the index of recovery that holds the rows in it."""
    begins = func.coalesce(uploads.c.next_attempt_at, uploads.c.requested_at, type_=Instant)
    is_to_come = and_(uploads.c.state == UploadState.REQUESTED, ~request_is_due())
    asked_at = case(
        (is_to_come, null()),
        (uploads.c.state == UploadState.REQUESTED, begins),
        else_=uploads.c.requested_at,
    )
    due_at = case(
        (or_(request_is_due(), retry_is_due()), begins),
        (lease_ran_out(), uploads.c.lease_until),
    )
    columns = _columns(asked_at, due_at, lease_ran_out())
    return union_all(
        *(
            select(literal(state.value).label("state"), *columns).where(uploads.c.state == state)
            for state in _UPLOADS
        )
    )


def _orders_under_way() -> Select[Any]:
    is_retrying, is_running = (
        orders.c.state == state for state in (OrderState.RETRYING, OrderState.RUNNING)
    )
    has_expired = and_(is_running, orders.c.lease_until < now())
    due_at = case(
        (orders.c.state == OrderState.REQUESTED, orders.c.given_at),
        (and_(is_retrying, orders.c.next_attempt_at <= now()), orders.c.next_attempt_at),
        (has_expired, orders.c.lease_until),
    )
    columns = _columns(orders.c.given_at, due_at, has_expired)
    return (
        select(orders.c.state, *columns).where(orders.c.state.in_(_ORDERS)).group_by(orders.c.state)
    )


def _columns(
    asked_at: ColumnElement[Any], due_at: ColumnElement[Any], has_expired: ColumnElement[bool]
) -> tuple[ColumnElement[Any], ...]:
    return (
        func.count().label("count"),
        func.min(asked_at, type_=Instant).label("asked_at"),
        func.min(due_at, type_=Instant).label("due_at"),
        func.count().filter(has_expired).label("expired"),
        now().label("read_at"),
    )


def _counted(row: Any | None) -> UnderWay:
    if row is None:
        return UnderWay()

    def age(moment: Any) -> float:
        return max(0.0, (row.read_at - moment).total_seconds()) if moment else 0.0

    return UnderWay(row.count, age(row.asked_at), age(row.due_at))


def _totals() -> Any:
    # the sum of a BIGINT is a NUMERIC in PostgreSQL
    sums = [
        cast(func.sum(column), BigInteger).label(column.name)
        for column in (totals.c.ended, totals.c.present, totals.c.bytes)
    ]
    return select(totals.c.subject, totals.c.state, *sums).group_by(
        totals.c.subject, totals.c.state
    )
