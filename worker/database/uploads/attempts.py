"""Write attempts and leases to `uploads`: conditional statements on the database's clock."""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Engine,
    Text,
    Update,
    case,
    cast,
    column,
    func,
    inspect,
    literal_column,
    null,
    or_,
    select,
    table,
    update,
)

from worker.database.engine import SqlRepository, transaction
from worker.database.tables import runs, uploads
from worker.database.types import Instant, iso, now
from worker.database.uploads.conditions import (
    NOBODY,
    UPLOAD,
    as_upload,
    is_leased,
    is_upload,
    lease_ran_out,
    request_is_due,
    retry_is_due,
)
from worker.errors import LeaseLost, RunNotFound
from worker.models.archive import Archive
from worker.models.artifact import Artifact
from worker.models.history import MAX_HISTORY
from worker.models.history import told as in_history
from worker.models.upload import Upload, UploadState
from worker.models.upload_request import storable

#: Names of omitted entries that a row keeps; one more element then counts the others.
MAX_LEFT_OUT = 200


@dataclass(frozen=True, slots=True)
class SqlUploadRepository(SqlRepository):
    """`keep_status`: statuses of runs, in capitals, that a landing leaves as they are."""

    keep_status: tuple[str, ...] = ()

    def claim(
        self, job_id: int, run_id: int, *, owner: str, lease: float, oom_kills: int = 0
    ) -> Upload | None:
        due = or_(request_is_due(), retry_is_due(), lease_ran_out())
        taken = (
            update(uploads)
            .where(is_upload(job_id, run_id), due)
            .values(
                state=UploadState.UPLOADING,
                owner=owner,
                fence=uploads.c.fence + 1,
                lease_until=now(lease),
                attempt=uploads.c.attempt + 1,
                deaths=_since_the_request(uploads.c.deaths),
                cutbacks=_since_the_request(uploads.c.cutbacks),
                oom_kills=oom_kills,
                next_attempt_at=None,
                published_at=None,
                bytes_done=0,
                history=case((uploads.c.attempt == 0, null()), else_=uploads.c.history),
                begun_at=now(),
                updated_at=now(),
            )
            .returning(*UPLOAD)
        )
        return next(map(as_upload, self._rows(taken)), None)

    def held_on(self, machine: str) -> list[Upload]:
        there = uploads.c.owner.contains(f"@{machine}.", autoescape=True)
        return [as_upload(row) for row in self._rows(select(*UPLOAD).where(is_leased(), there))]

    def release(self, upload: Upload) -> None:
        given_back = {"owner": None, "lease_until": now(-1), "published_at": None}
        self._changed(_held(upload).values(given_back | {"updated_at": now()}))

    def died(self, upload: Upload, *, error: str, delay: float | None, is_certain: bool) -> bool:
        as_seen = update(uploads).where(
            is_upload(upload.job_id, upload.run_id),
            uploads.c.fence == upload.fence,
            uploads.c.state == upload.state,
            uploads.c.deaths == upload.deaths,
        )
        begun = upload.state is UploadState.UPLOADING
        if begun and not is_certain:
            as_seen = as_seen.where(lease_ran_out())
        died = as_seen.values(
            state=UploadState.FAILED if delay is None else UploadState.RETRYING,
            error=storable(error),
            traceback=None,
            deaths=_since_the_request(uploads.c.deaths) + 1,
            attempt=uploads.c.attempt + (0 if begun else 1),
            **(_ended(error) if begun else {}),
            next_attempt_at=None if delay is None else now(delay),
            published_at=None,
            owner=None if delay is None else upload.owner,
            lease_until=None,
            updated_at=now(),
        )
        return self._changed(died) > 0

    def renew(self, upload: Upload, *, lease: float, bytes_done: int) -> None:
        # a message may have been published since a lease ran out, and must find it free
        statement = _held(upload).where(is_leased())
        values = {"lease_until": now(lease), "bytes_done": bytes_done, "updated_at": now()}
        if self._changed(statement.values(values)) == 0:
            raise _lost(upload)

    def opened(
        self, upload: Upload, *, multipart_id: str, file_count: int, bytes_total: int, s3_key: str
    ) -> None:
        self._write(
            upload,
            UploadState.UPLOADING,
            multipart_upload_id=multipart_id,
            file_count=file_count,
            bytes_total=bytes_total,
            s3_key=s3_key,
        )

    def seal(self, upload: Upload, *, archive: Archive, artifact: Artifact) -> None:
        self._write(
            upload,
            UploadState.UPLOADING,
            file_count=archive.file_count,
            bytes_total=archive.bytes_total,
            bytes_done=archive.bytes_total,
            left_out=json.dumps(_first(archive.left_out)) if archive.left_out else None,
            archive_size=artifact.size,
            checksum=artifact.checksum,
            sha256=artifact.sha256,
            s3_key=artifact.key,
        )

    def land(self, upload: Upload, *, results_url: str) -> float:
        upload.to(UploadState.LANDED)
        landed = _held(upload).values(
            state=UploadState.LANDED,
            results_url=results_url,
            multipart_upload_id=None,
            error=None,
            traceback=None,
            deaths=0,
            landed_at=now(),
            updated_at=now(),
            **NOBODY,
        )
        times = landed.returning(uploads.c.requested_at, uploads.c.landed_at)
        run_landed = self._run_landed(upload, results_url)
        tells_changes = _has_updated_at(self.engine)  # before the transaction: SQLite has only one
        with transaction(self.engine) as connection:
            row = connection.execute(times).first()
            if row is None:
                raise _lost(upload)
            if connection.execute(run_landed).rowcount == 0:
                raise RunNotFound(
                    "the run disappeared while it was uploaded",
                    job_id=upload.job_id,
                    run_id=upload.run_id,
                )
            if tells_changes:
                changed = update(_CHANGED).where(_CHANGED.c.id == upload.run_id)
                connection.execute(changed.values(updated_at=now()))
        requested_at, landed_at = row
        return max(0.0, (landed_at - requested_at).total_seconds()) if landed_at else 0.0

    def retry(
        self, upload: Upload, *, error: str, delay: float, traceback: str, cut_back: bool = False
    ) -> None:
        self._end(
            upload,
            UploadState.RETRYING,
            error,
            traceback,
            deaths=0,
            cutbacks=uploads.c.cutbacks + (1 if cut_back else 0),
            next_attempt_at=now(delay),
            published_at=None,
        )

    def postpone(
        self, upload: Upload, *, reason: str, delay: float, bytes_total: int | None
    ) -> None:
        measured = {} if bytes_total is None else {"bytes_total": bytes_total}
        self._write(
            upload,
            UploadState.RETRYING,
            next_attempt_at=now(delay),
            published_at=None,
            attempt=upload.attempt - 1,
            error=reason,
            **measured,
            **NOBODY,
        )

    def fail(self, upload: Upload, *, error: str, traceback: str) -> None:
        self._end(upload, UploadState.FAILED, error, traceback)

    def _run_landed(self, upload: Upload, results_url: str) -> Update:
        # a native enum can't be compared with texts, and refuses a bound one: it is a VARCHAR
        status = func.upper(cast(runs.c.status, Text))
        kept = (status.in_(self.keep_status), runs.c.status)
        return (
            update(runs)
            .where(runs.c.id == upload.run_id, runs.c.job_id == upload.job_id)
            .values(
                results_url=results_url,
                results_uploaded_at=now(),
                status=case(kept, else_=literal_column("'DONE'")),
            )
        )

    def _end(
        self, upload: Upload, state: UploadState, error: str, traceback: str, **values: Any
    ) -> None:
        told = {"error": storable(error), "traceback": storable(traceback), **_ended(error)}
        self._write(upload, state, **told, **values, **NOBODY)

    def _write(self, upload: Upload, state: UploadState, **values: Any) -> None:
        upload.to(state)
        statement = _held(upload).values(state=state, updated_at=now(), **values)
        if self._changed(statement) == 0:
            raise _lost(upload)


def _since_the_request(count: ColumnElement[int]) -> ColumnElement[int]:
    """The count; zero in the first attempt, since a row that is asked for again keeps its own."""
    return case((uploads.c.attempt == 0, 0), else_=count)


def _ended(reason: str) -> dict[str, ColumnElement[str]]:
    """The column `history` with one more line, of the attempt that ends now."""
    attempt = cast(uploads.c.attempt, Text)
    begun_at = func.coalesce(uploads.c.begun_at, uploads.c.updated_at)
    line = f" {in_history(storable(reason))}\n"
    lines = func.coalesce(uploads.c.history, "") + attempt + " " + iso(begun_at) + " " + iso(now())
    longer = func.length(lines) > MAX_HISTORY
    newest = case((longer, func.substr(lines, func.length(lines) - MAX_HISTORY)), else_=lines)
    return {"history": newest + line}


def _held(upload: Upload) -> Update:
    """An update that changes nothing once the lease is another's, or the upload is over."""
    return update(uploads).where(
        is_upload(upload.job_id, upload.run_id),
        uploads.c.fence == upload.fence,
        uploads.c.state == UploadState.UPLOADING,
    )


#: The orchestrator's `runs`, where they tell when they were changed.
_CHANGED = table("runs", column("id"), column("updated_at", Instant))


@cache
def _has_updated_at(engine: Engine) -> bool:
    """Whether the orchestrator's `runs` tell when they were changed."""
    with transaction(engine) as connection:
        return any(each["name"] == "updated_at" for each in inspect(connection).get_columns("runs"))


def _lost(upload: Upload) -> LeaseLost:
    return LeaseLost(
        "another worker has taken over this upload", job_id=upload.job_id, run_id=upload.run_id
    )


def _first(names: tuple[str, ...]) -> list[str]:
    kept = [storable(name) for name in names[:MAX_LEFT_OUT]]
    return kept if len(names) <= MAX_LEFT_OUT else [*kept, f"{len(names) - MAX_LEFT_OUT} more"]
