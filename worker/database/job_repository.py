"""The orchestrator's jobs, read as they are."""

from sqlalchemy import Engine, select

from worker.database.error_translation import translated
from worker.database.tables import jobs
from worker.errors import JobNotFound
from worker.models.job import Job


class SqlJobRepository:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, job_id: int) -> Job:
        query = select(jobs.c.id, jobs.c.created_at).where(jobs.c.id == job_id)
        with translated(), self._engine.begin() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise JobNotFound("there is no such job", job_id=job_id)
        return Job(id=row.id, created_at=row.created_at)
