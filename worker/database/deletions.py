"""Record deletions of jobs' artifacts: when each began, who asked, how it ended."""

from sqlalchemy import ColumnElement, Connection, Update, insert, or_, select, update

from worker.database.engine import SqlRepository, transaction
from worker.database.tables import deletions, uploads
from worker.database.types import now
from worker.database.uploads.conditions import NOBODY, is_leased, lease_ran_out
from worker.errors import UploadUnderWay
from worker.models.order import Order
from worker.models.retention import Deletion, DeletionRecord
from worker.models.upload import UploadState

_RECORD = tuple(deletions.c[name] for name in DeletionRecord.__slots__)
_WAITING = (UploadState.REQUESTED, UploadState.RETRYING)


class SqlDeletionRepository(SqlRepository):
    def begin(self, deletion: Deletion, *, who: str, order: Order | None = None) -> int:
        """Record that the deletion begins; returns the record's id.

        Uploads of the job that wait for a worker become FAILED in the same transaction. Raises
        UploadUnderWay, and records nothing, if one of them is leased. An `order` has one record,
        however often it is begun, and concerns no upload that was asked for later.
        """
        concerned = uploads.c.job_id == deletion.job_id
        if order:
            concerned &= uploads.c.requested_at <= order.given_at
        record = insert(deletions).values(
            job_id=deletion.job_id,
            bucket=deletion.bucket,
            prefix=deletion.prefix,
            who=who,
            order_id=order and order.id,
            objects=deletion.objects,
            bytes=deletion.bytes,
            begun_at=now(),
        )
        with transaction(self.engine) as connection:
            # in this order: a worker that waits for the locks of the update has nothing to claim
            connection.execute(_failing_what_waits(concerned, deletion.job_id, who))
            _require_no_lease(connection, concerned, deletion.job_id)
            if order and (begun := _begun_for(connection, order)):
                return begun
            return connection.execute(record.returning(deletions.c.id)).scalar_one()

    def records(
        self, job_id: int | None = None, *, limit: int | None = None
    ) -> list[DeletionRecord]:
        """The deletions of a job, or of all, the latest first."""
        query = select(*_RECORD).order_by(deletions.c.begun_at.desc(), deletions.c.id.desc())
        if job_id is not None:
            query = query.where(deletions.c.job_id == job_id)
        return [DeletionRecord(**row._asdict()) for row in self._rows(query.limit(limit))]

    def finish(self, deletion_id: int, *, failures: int) -> None:
        statement = update(deletions).where(deletions.c.id == deletion_id)
        self._changed(statement.values(finished_at=now(), failures=failures))


def _begun_for(connection: Connection, order: Order) -> int | None:
    """The id of the record that an earlier attempt of the order has made."""
    return connection.scalar(select(deletions.c.id).where(deletions.c.order_id == order.id))


def _failing_what_waits(concerned: ColumnElement[bool], job_id: int, who: str) -> Update:
    """FAILED for each concerned upload that no worker holds; a late holder is fenced off."""
    return (
        update(uploads)
        .where(concerned, or_(uploads.c.state.in_(_WAITING), lease_ran_out()))
        .values(
            state=UploadState.FAILED,
            fence=uploads.c.fence + 1,
            error=f"job {job_id}: its artifacts were deleted by {who}",
            next_attempt_at=None,
            updated_at=now(),
            **NOBODY,
        )
    )


def _require_no_lease(connection: Connection, concerned: ColumnElement[bool], job_id: int) -> None:
    leased = select(uploads.c.run_id).where(concerned, is_leased())
    run_id = connection.scalar(leased.order_by(uploads.c.run_id).limit(1))
    if run_id is not None:
        raise UploadUnderWay(
            "its upload is under way: wait until it is over, then delete again",
            job_id=job_id,
            run_id=run_id,
        )
