"""Write producers' requests to `uploads`, before anybody works on them."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Update,
    and_,
    case,
    exists,
    false,
    func,
    not_,
    null,
    or_,
    select,
    true,
    update,
)

from worker.database.engine import SqlRepository, transaction
from worker.database.tables import follow_ups, uploads
from worker.database.types import instant, now
from worker.database.uploads.conditions import NOBODY, UPLOAD, as_upload, is_over, is_upload
from worker.models.upload import GIVEN_UP, Upload, UploadState
from worker.models.upload_request import Refusal, UploadRequest


class SqlRequestRepository(SqlRepository):
    def request(self, request: UploadRequest, *, published: bool) -> Upload:
        begins = instant(request.not_before)
        published_at = _published_at(begins) if published else None
        new_row = (
            self._insert_into(uploads)
            .values(
                job_id=request.job_id,
                run_id=request.run_id,
                path=request.path,
                task_id=request.task_id,
                published_at=published_at,
                next_attempt_at=begins,
                expires_at=instant(request.expires),
            )
            .on_conflict_do_nothing(index_elements=["job_id", "run_id"])
            .returning(*UPLOAD)
        )
        stored = select(*UPLOAD).where(is_upload(request.job_id, request.run_id))
        if request.task_id and not request.follow_up:  # two round trips suffice mostly
            written = self._rows(new_row) or self._rows(stored)
            if written and (upload := as_upload(written[0])).task_id == request.task_id:
                return upload
        with transaction(self.engine) as connection:
            if connection.execute(new_row).first() is None:
                connection.execute(_renewed(request, published_at))
            upload = as_upload(connection.execute(stored).one())
            if upload.task_id != request.task_id and (upload.next_attempt_at or upload.expires_at):
                connection.execute(_widened(request))
                upload = as_upload(connection.execute(stored).one())
            # after the upload's row: what is here already has asked before
            self._keep_follow_up(connection, request)
        return upload

    def ring(self, request: UploadRequest) -> Upload | None:
        stored = select(*UPLOAD).where(is_upload(request.job_id, request.run_id))
        with transaction(self.engine) as connection:
            row = connection.execute(stored).first()
            if row is None:
                return None
            self._keep_follow_up(connection, request)
            return as_upload(row)

    def _keep_follow_up(self, connection: Connection, request: UploadRequest) -> None:
        if request.follow_up:
            wanted = self._insert_into(follow_ups).values(_wanted(request))
            connection.execute(wanted.on_conflict_do_nothing())

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
            next_attempt_at=instant(request.not_before),
            expires_at=instant(request.expires),
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


def _wanted(request: UploadRequest) -> dict[str, Any]:
    return {
        "task_id": request.task_id,
        "job_id": request.job_id,
        "run_id": request.run_id,
        "wanted": request.follow_up,
    }


def _widened(request: UploadRequest) -> Update:
    """The row of an upload that was asked for before, as early and as long as either request."""
    begins, expires = instant(request.not_before), instant(request.expires)
    earlier = true() if begins is None else uploads.c.next_attempt_at > begins
    never = true() if expires is None else uploads.c.expires_at.is_(None)
    later = false() if expires is None else uploads.c.expires_at < expires
    return (
        update(uploads)
        .where(is_upload(request.job_id, request.run_id), _is_new_message(request), not_(is_over()))
        .values(
            next_attempt_at=case(
                (and_(uploads.c.state == UploadState.REQUESTED, earlier), begins),
                else_=uploads.c.next_attempt_at,
            ),
            expires_at=case((never, null()), (later, expires), else_=uploads.c.expires_at),
        )
    )


def _published_at(begins: ColumnElement[datetime] | None) -> Any:
    """Now; null while no worker may begin yet, since recovery publishes the message then."""
    return now() if begins is None else case((begins <= now(), now()))


def _is_new_message(request: UploadRequest) -> ColumnElement[bool]:
    if request.task_id is None:
        return true()
    # as one whose upload another message had asked for first
    asked_before = (
        exists().where(follow_ups.c.task_id == request.task_id) if request.follow_up else false()
    )
    return and_(
        not_(asked_before),
        uploads.c.task_id.is_distinct_from(request.task_id),
        not_(uploads.c.superseded.contains(f" {request.task_id} ", autoescape=True)),
    )


def _asks_anew(request: UploadRequest) -> ColumnElement[bool]:
    if request.replace:
        return true()
    # a replacement that was given up is no reason for a plain request to replace landed results
    given_up = and_(uploads.c.state.in_(GIVEN_UP), uploads.c.landed_at.is_(None))
    return or_(given_up, and_(not_(is_over()), uploads.c.path != request.path))
