"""Record deletions of jobs' artifacts: when each began, who asked, how it ended."""

from sqlalchemy import Connection, Update, insert, or_, select, update

from worker.database.engine import SqlRepository, transaction
from worker.database.tables import deletions, uploads
from worker.database.types import now
from worker.database.uploads.conditions import NOBODY, is_leased, lease_ran_out
from worker.errors import UploadUnderWay
from worker.models.retention import Deletion
from worker.models.upload import UploadState

_WAITING = (UploadState.REQUESTED, UploadState.RETRYING)


class SqlDeletionRepository(SqlRepository):
    def begin(self, deletion: Deletion, *, who: str) -> int:
        """Record that the deletion begins; returns the record's id.

        Uploads of the job that wait for a worker become FAILED in the same transaction. Raises
        UploadUnderWay, and records nothing, if one of them is leased.
        """
        record = insert(deletions).values(
            job_id=deletion.job_id,
            bucket=deletion.bucket,
            prefix=deletion.prefix,
            who=who,
            objects=deletion.objects,
            bytes=deletion.bytes,
            begun_at=now(),
        )
        with transaction(self.engine) as connection:
            # in this order: a worker that waits for the locks of the update has nothing to claim
            connection.execute(_failing_what_waits(deletion.job_id, who))
            _require_no_lease(connection, deletion.job_id)
            return connection.execute(record.returning(deletions.c.id)).scalar_one()

    def finish(self, deletion_id: int, *, failures: int) -> None:
        statement = update(deletions).where(deletions.c.id == deletion_id)
        self._changed(statement.values(finished_at=now(), failures=failures))


def _failing_what_waits(job_id: int, who: str) -> Update:
    """FAILED for each of the job's uploads that no worker holds; a late holder is fenced off."""
    return (
        update(uploads)
        .where(uploads.c.job_id == job_id, or_(uploads.c.state.in_(_WAITING), lease_ran_out()))
        .values(
            state=UploadState.FAILED,
            fence=uploads.c.fence + 1,
            error=f"job {job_id}: its artifacts were deleted by {who}",
            next_attempt_at=None,
            updated_at=now(),
            **NOBODY,
        )
    )


def _require_no_lease(connection: Connection, job_id: int) -> None:
    leased = select(uploads.c.run_id).where(uploads.c.job_id == job_id, is_leased())
    run_id = connection.scalar(leased.order_by(uploads.c.run_id).limit(1))
    if run_id is not None:
        raise UploadUnderWay(
            "its upload is under way: wait until it is over, then delete again",
            job_id=job_id,
            run_id=run_id,
        )
