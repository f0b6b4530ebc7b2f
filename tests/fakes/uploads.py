"""`uploads`, `jobs` and `runs` in memory, held to the same contract as the SQL repositories."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from worker.errors import JobNotFound, LeaseLost, RunNotFound
from worker.models.archive import Archive
from worker.models.artifact import Artifact
from worker.models.history import told
from worker.models.job import Job, Run
from worker.models.upload import GIVEN_UP, Upload, UploadState
from worker.models.upload_request import DueMessage, Moment, Refusal, UploadRequest


def later(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


@dataclass
class FakeDatabase:
    rows: dict[tuple[int, int], Upload] = field(default_factory=dict)
    jobs: dict[int, Job] = field(default_factory=dict)
    runs: dict[int, Run] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    published_at: dict[tuple[int, int], datetime | None] = field(default_factory=dict)
    superseded: set[str | None] = field(default_factory=set)

    def find(self, job_id: int, run_id: int) -> Upload | None:
        return self.rows.get((job_id, run_id))


class FakeJobs:
    def __init__(self, database: FakeDatabase) -> None:
        self._jobs = database.jobs

    def get(self, job_id: int) -> Job:
        if job_id not in self._jobs:
            raise JobNotFound("there is no such job", job_id=job_id)
        return self._jobs[job_id]


class FakeRuns:
    def __init__(self, database: FakeDatabase) -> None:
        self._runs = database.runs

    def get(self, run_id: int) -> Run:
        if run_id not in self._runs:
            raise RunNotFound("there is no such run", run_id=run_id)
        return self._runs[run_id]

    def of_job(self, job_id: int) -> list[Run]:
        return sorted(
            (run for run in self._runs.values() if run.job_id == job_id), key=lambda run: run.id
        )


class FakeRequests:
    def __init__(self, database: FakeDatabase) -> None:
        self._database = database

    def request(self, request: UploadRequest, *, published: bool) -> Upload:
        where = request.job_id, request.run_id
        row = self._database.rows.get(where)
        if row is None:
            row = _requested(request)
        elif self._renews(row, request):
            former = row.task_id
            row = replace(
                _requested(request),
                state=row.to(UploadState.REQUESTED).state,
                fence=row.fence + 1,
                s3_key=row.s3_key,
                multipart_upload_id=row.multipart_upload_id,
                results_url=row.results_url,
                landed_at=row.landed_at,
            )
            self._database.superseded.add(former)
        else:
            if self._is_new(row, request) and not row.state.is_over:
                row = self._database.rows[where] = _widened(row, request)
            return row
        self._database.rows[where] = row
        waits = row.next_attempt_at and row.next_attempt_at > later(0)
        self._database.published_at[where] = later(0) if published and not waits else None
        return row

    def refuse(self, refusal: Refusal) -> None:
        self._database.refusals.append(refusal)

    def mark_published(self, upload: Upload) -> None:
        where = upload.job_id, upload.run_id
        row = self._database.rows[where]
        is_as_requested = row.fence == upload.fence and row.state is UploadState.REQUESTED
        if is_as_requested and self._database.published_at.get(where) is None:
            self._database.published_at[where] = later(0)

    def _is_new(self, row: Upload, request: UploadRequest) -> bool:
        return request.task_id not in self._database.superseded - {None} | {row.task_id} - {None}

    def _renews(self, row: Upload, request: UploadRequest) -> bool:
        if not self._is_new(row, request):
            return False
        if request.replace or row.state in GIVEN_UP:
            return request.replace or row.landed_at is None
        return row.state is not UploadState.LANDED and row.path != request.path


def _requested(request: UploadRequest) -> Upload:
    return Upload(
        request.job_id,
        request.run_id,
        request.path,
        task_id=request.task_id,
        requested_at=later(0),
        next_attempt_at=_time(request.not_before),
        expires_at=_time(request.expires),
    )


def _ended(row: Upload, reason: str) -> str:
    assert row.begun_at
    times = f"{row.begun_at.isoformat()} {later(0).isoformat()}"
    return f"{row.history or ''}{row.attempt} {times} {told(reason)}\n"


def _widened(row: Upload, request: UploadRequest) -> Upload:
    begins, expires = _time(request.not_before), _time(request.expires)
    if row.state is UploadState.REQUESTED and row.next_attempt_at:
        earlier = begins and min(begins, row.next_attempt_at)
        row = replace(row, next_attempt_at=earlier)
    return replace(row, expires_at=row.expires_at and expires and max(row.expires_at, expires))


def _time(moment: Moment | None) -> datetime | None:
    return later(moment) if isinstance(moment, float) else moment


class FakeUploads:
    def __init__(self, database: FakeDatabase) -> None:
        self._database = database

    def claim(
        self, job_id: int, run_id: int, *, owner: str, lease: float, oom_kills: int = 0
    ) -> Upload | None:
        row = self._database.rows.get((job_id, run_id))
        if row is None or not _can_be_claimed(row):
            return None
        self._database.published_at[job_id, run_id] = None
        return self._keep(
            row.to(
                UploadState.UPLOADING,
                owner=owner,
                fence=row.fence + 1,
                attempt=row.attempt + 1,
                oom_kills=oom_kills,
                lease_until=later(lease),
                next_attempt_at=None,
                bytes_done=0,
                begun_at=later(0),
                history=row.history if row.attempt else None,
            )
        )

    def held_on(self, machine: str) -> list[Upload]:
        return [
            row
            for row in self._database.rows.values()
            if row.state is UploadState.UPLOADING
            and row.lease_until
            and row.lease_until >= later(0)
            and f"@{machine}." in (row.owner or "")
        ]

    def release(self, upload: Upload) -> None:
        if self._held(upload):
            row = self._database.rows[upload.job_id, upload.run_id]
            self._database.published_at[upload.job_id, upload.run_id] = None
            self._keep(replace(row, owner=None, lease_until=later(-1)))

    def died(self, upload: Upload, *, error: str, delay: float | None, is_certain: bool) -> bool:
        row = self._database.rows[upload.job_id, upload.run_id]
        as_seen = (row.fence, row.state, row.deaths) == (upload.fence, upload.state, upload.deaths)
        begun = upload.state is UploadState.UPLOADING
        ran_out = row.lease_until is not None and row.lease_until < later(0)
        if not as_seen or (begun and not is_certain and not ran_out):
            return False
        self._database.published_at[upload.job_id, upload.run_id] = None
        self._keep(
            replace(
                row,
                state=UploadState.FAILED if delay is None else UploadState.RETRYING,
                error=error,
                traceback=None,
                deaths=row.deaths + 1,
                attempt=row.attempt + (0 if begun else 1),
                history=_ended(row, error) if begun else row.history,
                next_attempt_at=None if delay is None else later(delay),
                owner=None if delay is None else row.owner,
                lease_until=None,
            )
        )
        return True

    def renew(self, upload: Upload, *, lease: float, bytes_done: int) -> None:
        held_until = self._database.rows[upload.job_id, upload.run_id].lease_until
        if held_until and held_until < later(0):
            raise LeaseLost("it ran out", job_id=upload.job_id, run_id=upload.run_id)
        self._write(upload, UploadState.UPLOADING, lease_until=later(lease), bytes_done=bytes_done)

    def opened(
        self, upload: Upload, *, multipart_id: str, file_count: int, bytes_total: int, s3_key: str
    ) -> None:
        values = {"file_count": file_count, "bytes_total": bytes_total, "s3_key": s3_key}
        self._write(upload, UploadState.UPLOADING, multipart_upload_id=multipart_id, **values)

    def seal(self, upload: Upload, *, archive: Archive, artifact: Artifact) -> None:
        self._write(
            upload,
            UploadState.UPLOADING,
            file_count=archive.file_count,
            bytes_total=archive.bytes_total,
            bytes_done=archive.bytes_total,
            archive_size=artifact.size,
            checksum=artifact.checksum,
            sha256=artifact.sha256,
            s3_key=artifact.key,
        )

    def land(self, upload: Upload, *, results_url: str) -> float:
        upload.to(UploadState.LANDED)
        run = self._database.runs.get(upload.run_id)
        if self._held(upload) and (run is None or run.job_id != upload.job_id):
            raise RunNotFound("the run disappeared", job_id=upload.job_id, run_id=upload.run_id)
        self._write(
            upload,
            UploadState.LANDED,
            owner=None,
            lease_until=None,
            error=None,
            traceback=None,
            deaths=0,
            multipart_upload_id=None,
            results_url=results_url,
            landed_at=later(0),
        )
        assert run
        self._database.runs[run.id] = replace(run, status="DONE", results_url=results_url)
        assert upload.requested_at
        return (later(0) - upload.requested_at).total_seconds()

    def retry(
        self, upload: Upload, *, error: str, delay: float, traceback: str, cut_back: bool = False
    ) -> None:
        self._write(
            upload,
            UploadState.RETRYING,
            deaths=0,
            cutbacks=upload.cutbacks + (1 if cut_back else 0),
            history=_ended(upload, error),
            error=error,
            traceback=traceback,
            next_attempt_at=later(delay),
            **_NOBODY,
        )

    def postpone(
        self, upload: Upload, *, reason: str, delay: float, bytes_total: int | None
    ) -> None:
        measured = {} if bytes_total is None else {"bytes_total": bytes_total}
        self._write(
            upload,
            UploadState.RETRYING,
            error=reason,
            next_attempt_at=later(delay),
            attempt=upload.attempt - 1,
            **measured,
            **_NOBODY,
        )

    def fail(self, upload: Upload, *, error: str, traceback: str) -> None:
        values = {"error": error, "traceback": traceback, "history": _ended(upload, error)}
        self._write(upload, UploadState.FAILED, **values, **_NOBODY)

    def _held(self, upload: Upload) -> bool:
        row = self._database.rows[upload.job_id, upload.run_id]
        return row.fence == upload.fence and row.state is UploadState.UPLOADING

    def _write(self, upload: Upload, state: UploadState, **values: Any) -> None:
        upload.to(state)
        if not self._held(upload):
            raise LeaseLost("taken over", job_id=upload.job_id, run_id=upload.run_id)
        row = self._database.rows[upload.job_id, upload.run_id]
        self._keep(replace(row, state=upload.to(state).state, **values))

    def _keep(self, row: Upload) -> Upload:
        self._database.rows[row.job_id, row.run_id] = row
        return row


@dataclass(frozen=True)
class FakeOutbox:
    """A row's id is its place in the order in which rows were requested."""

    database: FakeDatabase
    grace: float
    republish: float

    def due(self) -> list[int]:
        return [
            row for row, upload in enumerate(self.database.rows.values()) if self._is_due(upload)
        ]

    def take(self, row: int, *, task_id: str) -> DueMessage | None:
        where, upload = list(self.database.rows.items())[row]
        if not self._is_due(upload):
            return None
        upload = replace(upload, task_id=upload.task_id or task_id)
        self.database.rows[where] = upload
        self.database.published_at[where] = later(0)
        request = UploadRequest(*where, upload.path, task_id=upload.task_id)
        return DueMessage(request, upload.state is not UploadState.REQUESTED, upload.attempt)

    def give_back(self, row: int) -> None:
        self.database.published_at[list(self.database.rows)[row]] = None

    def mark_due_if_stuck(self, request: UploadRequest, *, since: float) -> bool:
        where = request.job_id, request.run_id
        published_at = self.database.published_at.get(where)
        if not self.waits_for(request) or published_at is None or published_at > later(-since):
            return False
        self.database.published_at[where] = None
        return True

    def waits_for(self, request: UploadRequest) -> bool:
        where = request.job_id, request.run_id
        upload = self.database.rows[where]
        return upload.task_id == request.task_id and _can_be_claimed(upload)

    def _is_due(self, upload: Upload) -> bool:
        published_at = self.database.published_at.get((upload.job_id, upload.run_id))
        if published_at is not None:
            return _can_be_claimed(upload) and published_at < later(-self.republish)
        if upload.state is UploadState.REQUESTED and upload.next_attempt_at is None:
            return upload.requested_at is not None and upload.requested_at <= later(-self.grace)
        return _can_be_claimed(upload)


class FakeCancellations:
    def __init__(self, database: FakeDatabase) -> None:
        self._database = database

    def of_job(self, job_id: int, run_id: int | None, *, reason: str) -> list[Upload]:
        return self._cancelled(
            lambda row: row.job_id == job_id and run_id in (None, row.run_id), reason
        )

    def of_message(self, task_id: str, *, reason: str) -> list[Upload]:
        return self._cancelled(lambda row: row.task_id == task_id, reason)

    def of_expired(self, *, reason: str) -> list[Upload]:
        return self._cancelled(
            lambda row: (
                row.expires_at is not None
                and row.expires_at < later(0)
                and (row.state is not UploadState.UPLOADING or _can_be_claimed(row))
            ),
            reason,
        )

    def _cancelled(self, chosen: Callable[[Upload], bool], reason: str) -> list[Upload]:
        rows = self._database.rows
        cancelled = [
            replace(
                row.to(UploadState.CANCELLED),
                fence=row.fence + 1,
                error=reason,
                traceback=None,
                next_attempt_at=None,
                owner=None,
                lease_until=None,
            )
            for row in rows.values()
            if chosen(row) and not row.state.is_over
        ]
        rows.update({(row.job_id, row.run_id): row for row in cancelled})
        return cancelled


class FakeMultipartIds:
    def __init__(self, database: FakeDatabase) -> None:
        self._database = database

    def of_ended_uploads(self) -> list[Upload]:
        rows = self._database.rows.values()
        named = [row for row in rows if row.state.is_over and row.multipart_upload_id]
        return [row for row in named if row.lease_until is None or row.lease_until < later(0)]

    def forget(self, upload: Upload) -> None:
        where = upload.job_id, upload.run_id
        row = self._database.rows[where]
        if row.multipart_upload_id == upload.multipart_upload_id:
            self._database.rows[where] = replace(row, multipart_upload_id=None)


def _can_be_claimed(row: Upload) -> bool:
    match row.state:
        case UploadState.REQUESTED:
            return row.next_attempt_at is None or row.next_attempt_at <= later(0)
        case UploadState.RETRYING:
            return row.next_attempt_at is not None and row.next_attempt_at <= later(0)
        case UploadState.UPLOADING:
            return row.lease_until is not None and row.lease_until < later(0)
        case _:
            return False


_NOBODY = {"owner": None, "lease_until": None}
