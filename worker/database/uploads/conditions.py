"""The columns, conditions and conversions that statements on `uploads` share."""

from typing import Any

from sqlalchemy import ColumnElement, Row, and_, false, func, or_

from worker.database.tables import uploads
from worker.database.types import now
from worker.models.upload import Upload, UploadState
from worker.models.upload_request import MAX_TEXT

#: The columns of an `Upload`.
UPLOAD = tuple(uploads.c[name] for name in Upload.__slots__ if name in uploads.c)
#: Those that tell a person what went wrong, and what of them a worker writes.
TOLD = {"error": slice(MAX_TEXT), "traceback": slice(-MAX_TEXT, None)}
#: The values of an upload that no worker holds.
NOBODY = {"owner": None, "lease_until": None}


def is_upload(job_id: int, run_id: int) -> ColumnElement[bool]:
    return and_(uploads.c.job_id == job_id, uploads.c.run_id == run_id)


def request_is_due() -> ColumnElement[bool]:
    begins = uploads.c.next_attempt_at
    return and_(uploads.c.state == UploadState.REQUESTED, or_(begins.is_(None), begins <= now()))


def retry_is_due() -> ColumnElement[bool]:
    return and_(uploads.c.state == UploadState.RETRYING, uploads.c.next_attempt_at <= now())


def lease_ran_out() -> ColumnElement[bool]:
    return and_(uploads.c.state == UploadState.UPLOADING, uploads.c.lease_until < now())


def is_leased() -> ColumnElement[bool]:
    return and_(uploads.c.state == UploadState.UPLOADING, uploads.c.lease_until >= now())


def is_over() -> ColumnElement[bool]:
    return uploads.c.state.in_([state for state in UploadState if state.is_over])


def is_being_copied() -> ColumnElement[bool]:
    """The upload is over, and its lease is that of a copy of its object."""
    return and_(is_over(), func.coalesce(uploads.c.lease_until >= now(), false()))


def is_as_it_was(job_id: int, run_id: int, fence: int | None) -> ColumnElement[bool]:
    """The upload is over, and has not been renewed since it was read with this fence."""
    return is_upload(job_id, run_id) & (uploads.c.fence == fence) & is_over()


def is_not_worked_on(job_id: int, run_id: int, fence: int | None) -> ColumnElement[bool]:
    """The upload is over or waits, and no attempt has begun since it was read with this fence."""
    waits_or_over = uploads.c.state != UploadState.UPLOADING
    return is_upload(job_id, run_id) & (uploads.c.fence == fence) & waits_or_over


def as_upload(row: Row[Any]) -> Upload:
    """Return the row; of what others have written into it, as much as a worker would have."""
    values = row._asdict()
    for name, kept in TOLD.items():
        if isinstance(values[name], str):
            values[name] = values[name][kept]
    return Upload(**values | {"state": UploadState(values["state"])})
