"""What messages want to happen once their upload is over, each done by one worker."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, or_, select, update

from worker.database.engine import SqlRepository, batched, transaction
from worker.database.tables import follow_ups, uploads
from worker.database.types import now
from worker.database.uploads.conditions import is_over
from worker.models.upload_request import UploadRequest

#: Seconds that a worker has to start what follows, before another one does.
MAX_ANSWER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class SqlFollowUps(SqlRepository):
    """`grace`: seconds that the attempt which ended the upload has to start what follows.
    `republish`: seconds after which a message that caused nothing counts as lost.
    """

    grace: float
    republish: float

    def due(self, limit: int = 100) -> list[str]:
        query = (
            select(follow_ups.c.task_id)
            .join(uploads, _of_its_upload())
            .where(follow_ups.c.answered_at.is_(None), is_over(), self._is_due())
            .limit(limit)
        )
        return [task_id for (task_id,) in self._rows(query)]

    def take(self, task_id: str) -> UploadRequest | None:
        taken = (
            update(follow_ups)
            .where(
                follow_ups.c.task_id == task_id,
                follow_ups.c.answered_at.is_(None),
                self._is_not_published(),
            )
            .values(published_at=now())
            .returning(
                follow_ups.c.job_id,
                follow_ups.c.run_id,
                follow_ups.c.wanted,
            )
        )
        with transaction(self.engine) as connection:
            found = connection.execute(taken).first()
            if found is None:
                return None
            job_id, run_id, wanted = found
            # on its own: in RETURNING, SQLAlchemy names no tables to SQLite
            path = connection.scalar(
                select(uploads.c.path).where(uploads.c.job_id == job_id, uploads.c.run_id == run_id)
            )
        if path is None:
            return None
        return UploadRequest(job_id, run_id, path, task_id=task_id, follow_up=wanted)

    def give_back(self, task_id: str) -> None:
        statement = update(follow_ups).where(follow_ups.c.task_id == task_id)
        self._changed(statement.values(published_at=None))

    def claim(self, task_id: str) -> bool:
        nobody = or_(follow_ups.c.claimed_until.is_(None), follow_ups.c.claimed_until < now())
        statement = update(follow_ups).where(
            follow_ups.c.task_id == task_id, follow_ups.c.answered_at.is_(None), nobody
        )
        return self._changed(statement.values(claimed_until=now(MAX_ANSWER_SECONDS))) > 0

    def answered(self, task_id: str) -> None:
        statement = update(follow_ups).where(follow_ups.c.task_id == task_id)
        self._changed(statement.values(answered_at=now()))

    def published(self) -> list[str]:
        return [task_id for (task_id,) in self._rows(select(follow_ups.c.task_id).where(_waits()))]

    def mark_due(self, task_ids: list[str], *, published_before: float) -> int:
        old = follow_ups.c.published_at <= now(-published_before)
        statement = update(follow_ups).where(_waits(), old).values(published_at=None)
        return sum(
            self._changed(statement.where(follow_ups.c.task_id.in_(some)))
            for some in batched(task_ids)
        )

    def _is_due(self) -> ColumnElement[bool]:
        return and_(
            self._is_not_published(),
            uploads.c.updated_at < now(-self.grace),
            or_(follow_ups.c.claimed_until.is_(None), follow_ups.c.claimed_until < now()),
        )

    def _is_not_published(self) -> ColumnElement[bool]:
        published_at = follow_ups.c.published_at
        return or_(published_at.is_(None), published_at < now(-self.republish))


def _waits() -> ColumnElement[bool]:
    """The row waits for a message that was published."""
    return and_(follow_ups.c.answered_at.is_(None), follow_ups.c.published_at.is_not(None))


def _of_its_upload() -> ColumnElement[bool]:
    return and_(follow_ups.c.job_id == uploads.c.job_id, follow_ups.c.run_id == uploads.c.run_id)
