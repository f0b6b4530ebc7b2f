"""The orchestrator's jobs, read as they are."""

from datetime import datetime

from sqlalchemy import Engine, Row, select

from worker.database.error_translation import translated
from worker.database.tables import jobs
from worker.errors import JobNotFound
from worker.models.job import Job
from worker.models.upload_request import MAX_ID


class SqlJobRepository:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, job_id: int) -> Job:
        row = self._row(job_id) if job_id <= MAX_ID else None  # drivers choke on larger ones
        if row is None:
            raise JobNotFound("there is no such job", job_id=job_id)
        return Job(id=row.id, created_at=row.created_at)

    def _row(self, job_id: int) -> Row[int, datetime] | None:
        query = select(jobs.c.id, jobs.c.created_at).where(jobs.c.id == job_id)
        with translated(), self._engine.begin() as connection:
            return connection.execute(query).one_or_none()
