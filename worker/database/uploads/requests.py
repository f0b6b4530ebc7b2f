"""Write producers' requests to `uploads`, before anybody works on them."""

from typing import Any

from sqlalchemy import ColumnElement, Update, and_, func, not_, or_, select, true, update

from worker.database.engine import SqlRepository, transaction
from worker.database.tables import uploads
from worker.database.types import now
from worker.database.uploads.conditions import NOBODY, UPLOAD, as_upload, is_upload
from worker.models.upload import Upload, UploadState
from worker.models.upload_request import Refusal, UploadRequest


class SqlRequestRepository(SqlRepository):
    def request(self, request: UploadRequest, *, published: bool) -> Upload:
        published_at = now() if published else None
        new_row = (
            self._insert_into(uploads)
            .values(
                job_id=request.job_id,
                run_id=request.run_id,
                path=request.path,
                task_id=request.task_id,
                published_at=published_at,
            )
            .on_conflict_do_nothing(index_elements=["job_id", "run_id"])
            .returning(uploads.c.id)
        )
        stored = select(*UPLOAD).where(is_upload(request.job_id, request.run_id))
        with transaction(self.engine) as connection:
            if connection.execute(new_row).first() is None:
                connection.execute(_renewed(request, published_at))
            row = connection.execute(stored).one()
        return as_upload(row)

    def refuse(self, refusal: Refusal) -> None:
        failed: dict[str, Any] = {
            "path": refusal.path,
            "task_id": refusal.task_id,
            "state": UploadState.FAILED,
            "error": refusal.reason,
        }
        is_its_own = uploads.c.task_id == refusal.task_id
        has_failed = uploads.c.state == UploadState.FAILED
        with_ids = (
            self._insert_into(uploads)
            .values(job_id=refusal.job_id, run_id=refusal.run_id, **failed)
            .on_conflict_do_update(
                index_elements=["job_id", "run_id"],
                set_=failed | {"updated_at": now()} | NOBODY,
                where=or_(is_its_own, has_failed),
            )
            .returning(uploads.c.id)
        )
        delivered_before = select(uploads.c.id).where(is_its_own, has_failed)
        with transaction(self.engine) as connection:
            if connection.execute(delivered_before).first():
                return
            if connection.execute(with_ids).first() is None:
                # the run has an upload of its own, which must not suffer from this message
                connection.execute(self._insert_into(uploads).values(**failed))

    def mark_published(self, upload: Upload) -> None:
        statement = update(uploads).where(
            is_upload(upload.job_id, upload.run_id),
            uploads.c.fence == upload.fence,
            uploads.c.state == UploadState.REQUESTED,
            uploads.c.published_at.is_(None),
        )
        self._changed(statement.values(published_at=now()))


def _renewed(request: UploadRequest, published_at: now | None) -> Update:
    """The run's row as a new request, if this one is new and asks for more than the row has."""
    return (
        update(uploads)
        .where(
            is_upload(request.job_id, request.run_id),
            _is_new_message(request),
            _asks_anew(request),
        )
        .values(
            state=UploadState.REQUESTED,
            path=request.path,
            task_id=request.task_id,
            superseded=uploads.c.superseded + " " + func.coalesce(uploads.c.task_id, "") + " ",
            fence=uploads.c.fence + 1,
            attempt=0,
            next_attempt_at=None,
            published_at=published_at,
            bytes_done=0,
            bytes_total=None,
            file_count=None,
            archive_size=None,
            checksum=None,
            sha256=None,
            left_out=None,
            error=None,
            traceback=None,
            requested_at=now(),
            updated_at=now(),
            **NOBODY,
        )
    )


def _is_new_message(request: UploadRequest) -> ColumnElement[bool]:
    if request.task_id is None:
        return true()
    return and_(
        uploads.c.task_id.is_distinct_from(request.task_id),
        not_(uploads.c.superseded.contains(f" {request.task_id} ", autoescape=True)),
    )


def _asks_anew(request: UploadRequest) -> ColumnElement[bool]:
    if request.replace:
        return true()
    elsewhere = and_(uploads.c.state != UploadState.LANDED, uploads.c.path != request.path)
    # a replacement that failed is no reason for a plain request to replace landed results
    failed = and_(uploads.c.state == UploadState.FAILED, uploads.c.landed_at.is_(None))
    return or_(failed, and_(elsewhere, uploads.c.state != UploadState.FAILED))
