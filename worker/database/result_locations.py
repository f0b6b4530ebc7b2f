"""Record where runs' results lie, in `runs` and `uploads` together."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Update, and_, case, exists, func, or_, true, update

from worker.database.engine import SqlRepository, transaction
from worker.database.tables import runs, uploads
from worker.database.types import now
from worker.database.uploads.conditions import is_not_worked_on
from worker.errors import RunNotFound
from worker.models.job import Run
from worker.models.retention import Relocation
from worker.models.upload import GIVEN_UP, UploadState
from worker.models.upload_request import storable


class SqlResultLocations(SqlRepository):
    def relocate(self, moves: Iterable[Relocation]) -> int:
        """Write the new locations; returns how many rows changed.

        An upload that has changed since it was looked at keeps its location.
        """
        with transaction(self.engine) as connection:
            # the run first: its condition looks at the upload's row as it was
            return sum(
                connection.execute(statement).rowcount
                for move in moves
                for statement in (_run_relocated(move), _upload_relocated(move))
            )

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
        """Write that the run's results lie under the key; makes the upload's row if need be.

        Raises RunNotFound, and writes nothing, if the run is gone.
        """
        values = {
            "state": UploadState.LANDED,
            "s3_key": key,
            "results_url": results_url,
            "archive_size": size,
            "checksum": checksum,
        }
        new_row = self._insert_into(uploads).values(
            job_id=run.job_id, run_id=run.id, path=former_url, landed_at=landed_at, **values
        )
        landed = new_row.on_conflict_do_update(
            index_elements=["job_id", "run_id"],
            set_=values | _kept_of_a_row(checksum, landed_at),
            where=_has_nothing_else_to_tell(),
        )
        moved = (
            update(runs)
            .where(runs.c.id == run.id, runs.c.job_id == run.job_id)
            .values(
                results_url=results_url,
                results_uploaded_at=func.coalesce(runs.c.results_uploaded_at, landed_at),
            )
        )
        with transaction(self.engine) as connection:
            if connection.execute(moved).rowcount == 0:
                raise RunNotFound("the run disappeared", job_id=run.job_id, run_id=run.id)
            connection.execute(landed)


def _kept_of_a_row(checksum: str | None, landed_at: datetime) -> dict[str, Any]:
    """The first landing's time stays, and the SHA-256 if the bytes are the same."""
    return {
        "sha256": case((uploads.c.checksum == checksum, uploads.c.sha256), else_=None),
        "landed_at": func.coalesce(uploads.c.landed_at, landed_at),
        "error": None,
        "traceback": None,
        "updated_at": now(),
    }


def _has_nothing_else_to_tell() -> ColumnElement[bool]:
    """Not of an upload that is still asked for, or that failed to replace landed results."""
    never_landed = and_(uploads.c.state.in_(GIVEN_UP), uploads.c.landed_at.is_(None))
    return or_(uploads.c.state == UploadState.LANDED, never_landed)


def _run_relocated(move: Relocation) -> Update:
    unchanged: ColumnElement[bool] = true()
    if move.fence is not None:
        unchanged = exists().where(is_not_worked_on(move.job_id, move.run_id, move.fence))
    of_run = and_(runs.c.id == move.run_id, runs.c.job_id == move.job_id)
    return (
        update(runs)
        .where(of_run, runs.c.results_url.in_(move.was), unchanged)
        .values(results_url=move.to)
    )


def _upload_relocated(move: Relocation) -> Update:
    why, own = storable(move.why), func.coalesce(uploads.c.error, "")
    # a failed replacement keeps its own reason, and tells too that what had landed is gone
    others = own if move.to else own.concat(f"; {why}")
    error = case((uploads.c.state == UploadState.LANDED, why), else_=others)
    return (
        update(uploads)
        .where(
            is_not_worked_on(move.job_id, move.run_id, move.fence),
            uploads.c.results_url.in_(move.was),
        )
        .values(results_url=move.to, error=error, updated_at=now())
    )
