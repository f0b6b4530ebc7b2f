"""Where runs' results lie: `runs` and `uploads` are told together."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, Engine, case, exists, true, update

from worker.database.error_translation import translated
from worker.database.statements import is_over, is_upload
from worker.database.tables import runs, uploads
from worker.database.types import now
from worker.models.refusal import storable
from worker.models.relocation import Relocation
from worker.models.upload import Upload, UploadState

#: Seconds that a copy's parts are kept for it; then its process has died.
COPYING = 24 * 60 * 60.0


class SqlResultLocations:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def relocate(self, moves: Iterable[Relocation]) -> int:
        with translated(), self._engine.begin() as connection:
            return sum(_relocated(connection, move) for move in moves)

    def copying(self, upload: Upload, multipart_id: str) -> None:
        statement = update(uploads).where(_is_as_it_was(upload.job_id, upload.run_id, upload.fence))
        with translated(), self._engine.begin() as connection:
            connection.execute(
                statement.values(multipart_upload_id=multipart_id, lease_until=now(COPYING))
            )

    def copied(self, upload: Upload, multipart_id: str) -> None:
        statement = update(uploads).where(
            _is_as_it_was(upload.job_id, upload.run_id, upload.fence),
            uploads.c.multipart_upload_id == multipart_id,
        )
        with translated(), self._engine.begin() as connection:
            connection.execute(statement.values(multipart_upload_id=None, lease_until=None))


def _relocated(connection: Connection, move: Relocation) -> int:
    unchanged: ColumnElement[bool] = true()
    if move.fence is not None:
        unchanged = exists().where(_is_as_it_was(move.job_id, move.run_id, move.fence))
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
            _is_as_it_was(move.job_id, move.run_id, move.fence),
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


def _is_as_it_was(job_id: int, run_id: int, fence: int | None) -> ColumnElement[bool]:
    return is_upload(job_id, run_id) & (uploads.c.fence == fence) & is_over()
