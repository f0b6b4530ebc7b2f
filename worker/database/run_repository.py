"""The orchestrator's runs, read as they are."""

from sqlalchemy import Engine, select

from worker.database.error_translation import translated
from worker.database.tables import runs
from worker.errors import RunNotFound
from worker.models.run import Run


class SqlRunRepository:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, run_id: int) -> Run:
        query = select(runs.c.id, runs.c.job_id, runs.c.status, runs.c.results_url)
        with translated(), self._engine.begin() as connection:
            row = connection.execute(query.where(runs.c.id == run_id)).one_or_none()
        if row is None:
            raise RunNotFound("there is no such run", run_id=run_id)
        return Run(id=row.id, job_id=row.job_id, status=row.status, results_url=row.results_url)
