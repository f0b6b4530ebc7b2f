"""The columns, conditions and conversions that statements on `uploads` share."""

from typing import Any

from sqlalchemy import ColumnElement, Row, and_

from worker.database.tables import uploads
from worker.database.types import now
from worker.models.upload import Upload, UploadState

#: The columns of an `Upload`, and the values that leave it without a holder.
UPLOAD = tuple(uploads.c[name] for name in Upload.__slots__)
NOBODY = {"owner": None, "lease_until": None}


def retry_is_due() -> ColumnElement[bool]:
    return and_(uploads.c.state == UploadState.RETRYING, uploads.c.next_attempt_at <= now())


def lease_ran_out() -> ColumnElement[bool]:
    return and_(uploads.c.state == UploadState.UPLOADING, uploads.c.lease_until < now())


def is_upload(job_id: int, run_id: int) -> ColumnElement[bool]:
    return and_(uploads.c.job_id == job_id, uploads.c.run_id == run_id)


def as_upload(row: Row[Any]) -> Upload:
    values = row._asdict()
    return Upload(**values | {"state": UploadState(values["state"])})
