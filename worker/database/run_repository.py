"""The orchestrator's runs, read as they are."""

from sqlalchemy import ColumnElement, Engine, select

from worker.database.error_translation import translated
from worker.database.tables import runs
from worker.errors import RunNotFound
from worker.models.run import Run


class SqlRunRepository:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, run_id: int) -> Run:
        found = self._where(runs.c.id == run_id)
        if not found:
            raise RunNotFound("there is no such run", run_id=run_id)
        return found[0]

    def of_job(self, job_id: int) -> list[Run]:
        """The job's runs, by id."""
        return self._where(runs.c.job_id == job_id)

    def _where(self, condition: ColumnElement[bool]) -> list[Run]:
        query = select(runs.c.id, runs.c.job_id, runs.c.status, runs.c.results_url)
        with translated(), self._engine.begin() as connection:
            rows = connection.execute(query.where(condition).order_by(runs.c.id)).all()
        return [Run(id=row[0], job_id=row[1], status=row[2], results_url=row[3]) for row in rows]
