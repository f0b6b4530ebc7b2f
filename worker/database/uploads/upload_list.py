"""Read `uploads`, for people and for use cases that write nothing."""

from typing import NamedTuple

from sqlalchemy import ColumnElement, Engine, and_, func, select, true

from worker.database.engine import transaction
from worker.database.tables import uploads
from worker.database.types import now
from worker.database.uploads.conditions import UPLOAD, as_upload, is_upload
from worker.models.upload import Upload, UploadState
from worker.models.upload_request import Refusal

#: Rows without usable ids are refused messages.
_HAS_IDS = (uploads.c.job_id > 0) & (uploads.c.run_id > 0)


class IncompleteUploadCounts(NamedTuple):
    """How many of S3's incomplete multipart uploads rows name."""

    held: int
    """By attempts that are under way."""
    waiting: int
    """By uploads that will be resumed or aborted."""


class SqlUploadList:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, job_id: int, run_id: int) -> Upload | None:
        """The run's upload, if anybody asked for one."""
        with transaction(self._engine) as connection:
            row = connection.execute(select(*UPLOAD).where(is_upload(job_id, run_id))).one_or_none()
        return as_upload(row) if row else None

    def uploads(
        self,
        job_id: int | None = None,
        run_id: int | None = None,
        *,
        state: UploadState | None = None,
        limit: int | None = None,
    ) -> list[Upload]:
        """The uploads of a job, a run or a state, or all; by job and run.

        `limit` keeps those that changed last.
        """
        chosen = _of(job_id)
        if run_id is not None:
            chosen &= uploads.c.run_id == run_id
        if state is not None:
            chosen &= uploads.c.state == state
        query = select(*UPLOAD).where(chosen).order_by(uploads.c.updated_at.desc())
        with transaction(self._engine) as connection:
            found = [as_upload(row) for row in connection.execute(query.limit(limit))]
        return sorted(found, key=lambda upload: (upload.job_id, upload.run_id))

    def counts(self, job_id: int | None = None) -> dict[UploadState, int]:
        """The number of uploads, or of a job's uploads, in each state that has any."""
        query = select(uploads.c.state, func.count()).where(_of(job_id)).group_by(uploads.c.state)
        with transaction(self._engine) as connection:
            found = {row[0]: row[1] for row in connection.execute(query)}
        return {state: found[state] for state in UploadState if state in found}

    def incomplete_uploads(self) -> IncompleteUploadCounts:
        held = and_(uploads.c.state == UploadState.UPLOADING, uploads.c.lease_until >= now())
        query = select(func.count().filter(held), func.count().filter(held.is_not(true()))).where(
            uploads.c.multipart_upload_id.is_not(None)
        )
        with transaction(self._engine) as connection:
            return IncompleteUploadCounts(*connection.execute(query).one())

    def refusals(self, *, limit: int | None = None) -> list[Refusal]:
        """The messages that made no request, newest first."""
        query = (
            select(
                uploads.c.job_id,
                uploads.c.run_id,
                uploads.c.path,
                uploads.c.error,
                uploads.c.task_id,
            )
            .where(_HAS_IDS.is_not(True))
            .order_by(uploads.c.id.desc())
            .limit(limit)
        )
        with transaction(self._engine) as connection:
            rows = connection.execute(query).all()
        return [Refusal(job, run, path, error or "", task) for job, run, path, error, task in rows]


def _of(job_id: int | None) -> ColumnElement[bool]:
    return _HAS_IDS if job_id is None else and_(_HAS_IDS, uploads.c.job_id == job_id)
