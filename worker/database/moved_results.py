"""Records where runs' results have been moved to."""

from datetime import datetime

from sqlalchemy import Engine, and_, case, func, or_, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from worker.database.error_translation import translated
from worker.database.tables import runs, uploads
from worker.database.types import now
from worker.errors import RunNotFound
from worker.models.run import Run
from worker.models.upload import UploadState


class SqlMovedResults:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._insert = postgresql_insert if engine.dialect.name == "postgresql" else sqlite_insert

    def record(
        self,
        run: Run,
        *,
        key: str,
        size: int,
        checksum: str | None,
        results_url: str,
        former_url: str,
        landed_at: datetime,
    ) -> None:
        stands = {
            "state": UploadState.LANDED,
            "s3_key": key,
            "results_url": results_url,
            "archive_size": size,
            "checksum": checksum,
        }
        # what is asked for still, or failed to replace what had landed, says so as before
        has_none = and_(uploads.c.state == UploadState.FAILED, uploads.c.landed_at.is_(None))
        landed = (
            self._insert(uploads)
            .values(
                job_id=run.job_id, run_id=run.id, path=former_url, landed_at=landed_at, **stands
            )
            .on_conflict_do_update(
                index_elements=["job_id", "run_id"],
                set_={
                    **stands,
                    "sha256": case((uploads.c.checksum == checksum, uploads.c.sha256), else_=None),
                    "landed_at": func.coalesce(uploads.c.landed_at, landed_at),
                    "error": None,
                    "traceback": None,
                    "updated_at": now(),
                },
                where=or_(uploads.c.state == UploadState.LANDED, has_none),
            )
        )
        moved = (
            update(runs)
            .where(runs.c.id == run.id, runs.c.job_id == run.job_id)
            .values(
                results_url=results_url,
                results_uploaded_at=func.coalesce(runs.c.results_uploaded_at, landed_at),
            )
        )
        with translated(), self._engine.begin() as connection:
            if connection.execute(moved).rowcount == 0:
                raise RunNotFound("the run disappeared", job_id=run.job_id, run_id=run.id)
            connection.execute(landed)
