"""Read the orchestrator's `jobs` and `runs`."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, Engine, Text, cast, select

from worker.database.engine import SqlRepository, batched, transaction
from worker.database.tables import jobs, runs
from worker.database.types import FIRST, LAST
from worker.errors import InvalidRequest, JobNotFound, JobUnusable, RunNotFound, RunNotInJob
from worker.models.job import Job, Run
from worker.models.upload_request import MAX_ID, storable_id


class SqlJobRepository(SqlRepository):
    def get(self, job_id: int) -> Job:
        created_at = self._created_at(job_id)
        if created_at in (None, FIRST, LAST):
            problem = "NULL" if created_at is None else "no time of the years 1 to 9999"
            raise JobUnusable(f"its created_at is {problem}: set it, then try again", job_id=job_id)
        return Job(id=job_id, created_at=created_at)

    def latest(self, beginning: str, *, limit: int) -> list[int]:
        """The ids of the jobs created last, of those that begin with these digits."""
        begins = cast(jobs.c.id, Text).startswith(beginning, autoescape=True)
        query = select(jobs.c.id).where(begins).order_by(jobs.c.created_at.desc(), jobs.c.id.desc())
        return [job_id for (job_id,) in self._rows(query.limit(limit))]

    def require(self, job_id: int) -> None:
        """Raise JobNotFound unless `jobs` has the job, whatever its creation time."""
        self._created_at(job_id)

    def add(self, job_id: int, run_ids: Iterable[int], created_at: datetime | None = None) -> Job:
        """Insert the job, created at that time or now, and its runs, where no orchestrator does.

        What is there already stays as it is. Raises InvalidRequest if that is another creation
        time, and RunNotInJob if it is another job's run.
        """
        wanted = [storable_id("run id", each) for each in run_ids]
        known_time = {} if created_at is None else {"created_at": created_at}
        new_job = self._insert_into(jobs).values(id=storable_id("job id", job_id), **known_time)
        with transaction(self.engine) as connection:
            connection.execute(new_job.on_conflict_do_nothing())
            new_run = self._insert_into(runs).on_conflict_do_nothing()
            connection.execute(new_run, [{"id": each, "job_id": job_id} for each in wanted])
            for some in batched(wanted):
                others = select(runs.c.id, runs.c.job_id).where(runs.c.id.in_(some))
                for run_id, owner in connection.execute(others.where(runs.c.job_id != job_id)):
                    told = f"the run belongs to job {owner}"
                    raise RunNotInJob(told, job_id=job_id, run_id=run_id)
            time = select(jobs.c.created_at).where(jobs.c.id == job_id)
            stands = connection.execute(time).scalar_one()
            if created_at is not None and stands != created_at:
                raise InvalidRequest(f"it was created at {stands}, and stays so", job_id=job_id)
        return self.get(job_id)

    def _created_at(self, job_id: int) -> datetime | None:
        query = select(jobs.c.created_at).where(jobs.c.id == job_id)
        found = self._rows(query) if job_id <= MAX_ID else ()  # drivers choke on larger ones
        if not found:
            raise JobNotFound("there is no such job", job_id=job_id)
        [(created_at,)] = found
        return created_at


class SqlRunRepository(SqlRepository):
    def get(self, run_id: int) -> Run:
        found = self._where(runs.c.id == run_id)
        if not found:
            raise RunNotFound("there is no such run", run_id=run_id)
        return found[0]

    def of_job(self, job_id: int) -> list[Run]:
        return self._where(runs.c.job_id == job_id)

    def _where(self, condition: ColumnElement[bool]) -> list[Run]:
        query = select(runs.c.id, runs.c.job_id, runs.c.status, runs.c.results_url)
        rows = self._rows(query.where(condition).order_by(runs.c.id))
        return [Run(id=row[0], job_id=row[1], status=row[2], results_url=row[3]) for row in rows]


def add_job(engine: Engine, job_id: int, created_at: datetime, run_ids: Iterable[int]) -> Job:
    """Insert a job and its runs: in a demo, a benchmark or a test."""
    return SqlJobRepository(engine).add(job_id, run_ids, created_at)
