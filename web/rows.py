"""Rows of uploads as tables show them, on pages and in CSV and JSON."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

from web.progress import progress_of
from worker.models.upload import Upload, UploadState
from worker.models.upload_request import MAX_PATH_BYTES

#: What pages call a run whose upload nobody has asked for, and one whose results are deleted.
NOT_REQUESTED, DELETED = "NOT REQUESTED", "DELETED"


@dataclass(frozen=True, slots=True)
class Row:
    """A run and its upload. Sizes are bytes, times are UTC, durations seconds."""

    job_id: int
    run_id: int
    state: str
    percent: float | None
    bytes_sent: int | None
    bytes_total: int | None
    rate: float | None
    seconds_left: float | None
    attempts: int
    archive_size: int | None
    age: float | None
    """Since the request."""
    took: float | None
    """From the request until it landed."""
    requested_at: datetime | None
    begun_at: datetime | None
    landed_at: datetime | None
    next_attempt_at: datetime | None
    holder: str | None
    path: str | None
    reason: str | None

    @classmethod
    def of(cls, upload: Upload, now: datetime) -> Self:
        progress = progress_of(upload, now)
        return cls(
            job_id=upload.job_id,
            run_id=upload.run_id,
            state=DELETED if upload.is_gone else upload.state.value,
            percent=progress.percent,
            bytes_sent=progress.sent,
            bytes_total=upload.bytes_total,
            rate=progress.rate,
            seconds_left=progress.seconds_left,
            attempts=upload.attempt,
            archive_size=upload.archive_size,
            age=_seconds(upload.requested_at, now),
            took=_seconds(upload.requested_at, upload.landed_at),
            requested_at=upload.requested_at,
            begun_at=upload.begun_at,
            landed_at=upload.landed_at,
            next_attempt_at=upload.next_attempt_at,
            holder=holder_of(upload),
            path=upload.path[:MAX_PATH_BYTES],
            reason=reason_of(upload),
        )

    @classmethod
    def unrequested(cls, job_id: int, run_id: int) -> Self:
        none: dict[str, Any] = dict.fromkeys(cls.__slots__)
        return cls(
            **none | {"job_id": job_id, "run_id": run_id, "attempts": 0, "state": NOT_REQUESTED}
        )

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def holder_of(upload: Upload) -> str | None:
    """The host that works on the upload; None if none does."""
    return upload.holder or None if upload.state is UploadState.UPLOADING else None


def reason_of(upload: Upload) -> str | None:
    """Why the upload stands as it does, without the job and the run that its row names anyway."""
    if upload.is_gone:
        return f"deleted {upload.deletion}"
    if upload.state in (UploadState.LANDED, UploadState.UPLOADING):
        return None
    if upload.state is UploadState.REQUESTED and upload.next_attempt_at:
        return f"not before {upload.next_attempt_at:%Y-%m-%d %H:%M:%S} UTC"
    return upload.reason or None


def _seconds(since: datetime | None, until: datetime | None) -> float | None:
    return max(0.0, (until - since).total_seconds()) if since and until else None
