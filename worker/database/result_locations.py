"""Where runs' results lie: `runs` and `uploads` are written together."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    and_,
    case,
    exists,
    func,
    or_,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from worker.database.engine import transaction
from worker.database.tables import runs, uploads
from worker.database.types import now
from worker.database.uploads.statements import is_as_it_was
from worker.errors import RunNotFound
from worker.models.job import Run
from worker.models.relocation import Relocation
from worker.models.upload import UploadState
from worker.models.upload_request import storable


class SqlResultLocations:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._insert = postgresql_insert if engine.dialect.name == "postgresql" else sqlite_insert

    def relocate(self, moves: Iterable[Relocation]) -> int:
        with transaction(self._engine) as connection:
            return sum(_relocated(connection, move) for move in moves)

    def record_moved(
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
        with transaction(self._engine) as connection:
            if connection.execute(moved).rowcount == 0:
                raise RunNotFound("the run disappeared", job_id=run.job_id, run_id=run.id)
            connection.execute(landed)


def _relocated(connection: Connection, move: Relocation) -> int:
    unchanged: ColumnElement[bool] = true()
    if move.fence is not None:
        unchanged = exists().where(is_as_it_was(move.job_id, move.run_id, move.fence))
    of_run = (
        update(runs)
        .where(
            runs.c.id == move.run_id,
            runs.c.job_id == move.job_id,
            runs.c.results_url.in_(move.was),
            unchanged,
        )
        .values(results_url=move.to)
    )
    of_upload = (
        update(uploads)
        .where(
            is_as_it_was(move.job_id, move.run_id, move.fence),
            uploads.c.results_url.in_(move.was),
        )
        .values(
            results_url=move.to,
            error=case(
                (uploads.c.state == UploadState.LANDED, storable(move.why)), else_=uploads.c.error
            ),
            updated_at=now(),
        )
    )
    return connection.execute(of_run).rowcount + connection.execute(of_upload).rowcount
