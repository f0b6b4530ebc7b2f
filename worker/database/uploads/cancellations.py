"""End uploads as CANCELLED that nobody wants any more."""

from sqlalchemy import ColumnElement, or_, true, update

from worker.database.engine import SqlRepository
from worker.database.tables import uploads
from worker.database.types import now
from worker.database.uploads.conditions import NOBODY, UPLOAD, as_upload, is_over, lease_ran_out
from worker.models.upload import Upload, UploadState
from worker.models.upload_request import storable


class SqlCancellations(SqlRepository):
    def of_job(self, job_id: int, run_id: int | None, *, reason: str) -> list[Upload]:
        run = true() if run_id is None else uploads.c.run_id == run_id
        return self._cancelled(uploads.c.job_id == job_id, run, reason=reason)

    def of_message(self, task_id: str, *, reason: str) -> list[Upload]:
        return self._cancelled(uploads.c.task_id == task_id, reason=reason)

    def of_expired(self, *, reason: str) -> list[Upload]:
        is_waiting = or_(
            uploads.c.state.in_([UploadState.REQUESTED, UploadState.RETRYING]), lease_ran_out()
        )
        return self._cancelled(is_waiting, uploads.c.expires_at < now(), reason=reason)

    def _cancelled(self, *chosen: ColumnElement[bool], reason: str) -> list[Upload]:
        """Cancel those of the chosen uploads that are not over; a holder loses its lease."""
        cancelled = (
            update(uploads)
            .where(*chosen, ~is_over())
            .values(
                state=UploadState.CANCELLED,
                fence=uploads.c.fence + 1,
                error=storable(reason),
                traceback=None,
                next_attempt_at=None,
                updated_at=now(),
                **NOBODY,
            )
            .returning(*UPLOAD)
        )
        return [as_upload(row) for row in self._rows(cancelled)]
