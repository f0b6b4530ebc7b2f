"""The audit of deletions, each begun before anything is gone."""

from sqlalchemy import Engine, insert, or_, select, update

from worker.database.engine import transaction
from worker.database.tables import deletions, uploads
from worker.database.types import now
from worker.database.uploads.statements import NOBODY, is_leased, lease_ran_out
from worker.errors import UploadUnderWay
from worker.models.deletion import Deletion
from worker.models.upload import UploadState

_WAITING = (UploadState.REQUESTED, UploadState.RETRYING)


class SqlDeletionRepository:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, deletion: Deletion, *, who: str) -> int:
        of_job = uploads.c.job_id == deletion.job_id
        given_up = (
            update(uploads)
            .where(of_job, or_(uploads.c.state.in_(_WAITING), lease_ran_out()))
            .values(
                state=UploadState.FAILED,
                fence=uploads.c.fence + 1,
                error=f"job {deletion.job_id}: its artifacts were deleted by {who}",
                next_attempt_at=None,
                updated_at=now(),
                **NOBODY,
            )
        )
        # in this order: who waits for the locks of the first finds no upload to claim any more
        leased = select(uploads.c.run_id).where(of_job, is_leased()).order_by(uploads.c.run_id)
        with transaction(self._engine) as connection:
            connection.execute(given_up)
            if (run_id := connection.scalar(leased.limit(1))) is not None:
                raise UploadUnderWay(
                    "its upload is under way: wait until it is over, then delete again",
                    job_id=deletion.job_id,
                    run_id=run_id,
                )
            return connection.execute(
                insert(deletions)
                .values(
                    job_id=deletion.job_id,
                    bucket=deletion.bucket,
                    prefix=deletion.prefix,
                    who=who,
                    objects=deletion.objects,
                    bytes=deletion.bytes,
                    begun_at=now(),
                )
                .returning(deletions.c.id)
            ).scalar_one()

    def finish(self, deletion_id: int, *, failures: int) -> None:
        statement = update(deletions).where(deletions.c.id == deletion_id)
        with transaction(self._engine) as connection:
            connection.execute(statement.values(finished_at=now(), failures=failures))
