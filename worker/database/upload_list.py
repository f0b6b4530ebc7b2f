"""Reads `uploads` for people."""

from sqlalchemy import Engine, select

from worker.database.error_translation import translated
from worker.database.statements import UPLOAD, as_upload, is_upload
from worker.database.tables import uploads
from worker.models.refusal import Refusal
from worker.models.upload import Upload

_HAS_IDS = (uploads.c.job_id > 0) & (uploads.c.run_id > 0)


class SqlUploadList:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, job_id: int, run_id: int) -> Upload | None:
        with translated(), self._engine.begin() as connection:
            row = connection.execute(select(*UPLOAD).where(is_upload(job_id, run_id))).one_or_none()
        return as_upload(row) if row else None

    def uploads(self, job_id: int | None = None) -> list[Upload]:
        """All uploads, or a job's, by job and run."""
        query = select(*UPLOAD).where(_HAS_IDS).order_by(uploads.c.job_id, uploads.c.run_id)
        if job_id is not None:
            query = query.where(uploads.c.job_id == job_id)
        with translated(), self._engine.begin() as connection:
            return [as_upload(row) for row in connection.execute(query)]

    def refusals(self) -> list[Refusal]:
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
        )
        with translated(), self._engine.begin() as connection:
            rows = connection.execute(query).all()
        return [Refusal(job, run, path, error or "", task) for job, run, path, error, task in rows]
