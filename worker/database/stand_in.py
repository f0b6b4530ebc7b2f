"""Writes `jobs` and `runs` where no orchestrator does: for the demo, and for trying things."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Engine, insert

from worker.database.error_translation import translated
from worker.database.tables import jobs, runs
from worker.models.job import Job


def add_job(engine: Engine, job_id: int, created_at: datetime, run_ids: Iterable[int]) -> Job:
    """A job and its runs."""
    job = Job(job_id, created_at)
    with translated(), engine.begin() as connection:
        connection.execute(insert(jobs).values(id=job.id, created_at=job.created_at))
        for run_id in run_ids:
            connection.execute(insert(runs).values(id=run_id, job_id=job.id))
    return job
