"""Find the uploads that need a message, and hand each message to exactly one publisher."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, or_, select, update

from worker.database.engine import SqlRepository, batched, transaction
from worker.database.tables import follow_ups, uploads
from worker.database.types import now
from worker.database.uploads.conditions import (
    is_upload,
    lease_ran_out,
    request_is_due,
    retry_is_due,
)
from worker.models.upload import UploadState
from worker.models.upload_request import DueMessage, UploadRequest


@dataclass(frozen=True, slots=True)
class SqlOutbox(SqlRepository):
    """`grace`: seconds that a new row waits for its producer's own message.
    `republish`: seconds after which a message that caused no progress counts as lost.
    """

    grace: float
    republish: float

    def due(self, limit: int = 100) -> list[int]:
        query = select(uploads.c.id).where(self._is_due()).order_by(uploads.c.id).limit(limit)
        return [row for (row,) in self._rows(query)]

    def take(self, row: int, *, task_id: str) -> DueMessage | None:
        taken = (
            update(uploads)
            .where(uploads.c.id == row, self._is_due())
            .values(published_at=now(), task_id=func.coalesce(uploads.c.task_id, task_id))
            .returning(
                uploads.c.job_id,
                uploads.c.run_id,
                uploads.c.path,
                uploads.c.task_id,
                uploads.c.state,
                uploads.c.attempt,
            )
        )
        with transaction(self.engine) as connection:
            found = connection.execute(taken).first()
            if found is None:
                return None
            # on its own: in RETURNING, SQLAlchemy names no tables to SQLite
            wanted = connection.scalar(
                select(follow_ups.c.wanted).where(follow_ups.c.task_id == found.task_id)
            )
        request = UploadRequest(
            found.job_id,
            found.run_id,
            found.path,
            task_id=found.task_id,
            follow_up=wanted,
        )
        return DueMessage(request, found.state != UploadState.REQUESTED, found.attempt)

    def give_back(self, row: int) -> None:
        self._changed(update(uploads).where(uploads.c.id == row).values(published_at=None))

    def mark_due_if_stuck(self, request: UploadRequest, *, since: float) -> bool:
        is_stuck = and_(_waits_for(request), uploads.c.published_at <= now(-since))
        return self._changed(update(uploads).where(is_stuck).values(published_at=None)) > 0

    def waits_for(self, request: UploadRequest) -> bool:
        return bool(self._rows(select(uploads.c.id).where(_waits_for(request))))

    def published(self) -> list[str]:
        query = select(uploads.c.task_id).where(_has_message())
        return [task_id for (task_id,) in self._rows(query) if task_id]

    def mark_due(self, task_ids: list[str], *, published_before: float) -> int:
        old = uploads.c.published_at <= now(-published_before)
        statement = update(uploads).where(_has_message(), old).values(published_at=None)
        return sum(
            self._changed(statement.where(uploads.c.task_id.in_(some)))
            for some in batched(task_ids)
        )

    def _is_due(self) -> ColumnElement[bool]:
        unpublished = uploads.c.published_at.is_(None)
        lost = uploads.c.published_at < now(-self.republish)
        # a producer sends no message of its own for a later time
        nobody_publishes = or_(
            uploads.c.requested_at < now(-self.grace), uploads.c.next_attempt_at.is_not(None)
        )
        return or_(
            and_(request_is_due(), or_(and_(unpublished, nobody_publishes), lost)),
            and_(or_(retry_is_due(), lease_ran_out()), or_(unpublished, lost)),
        )


def _has_message() -> ColumnElement[bool]:
    """The row waits for a message that was published."""
    waits = or_(request_is_due(), retry_is_due(), lease_ran_out())
    return and_(waits, uploads.c.published_at.is_not(None))


def _waits_for(request: UploadRequest) -> ColumnElement[bool]:
    """The row is that of the request's own message, and could be worked on."""
    return and_(
        is_upload(request.job_id, request.run_id),
        uploads.c.task_id == request.task_id,
        or_(request_is_due(), retry_is_due(), lease_ran_out()),
    )
