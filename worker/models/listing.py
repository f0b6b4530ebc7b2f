"""What lists of uploads are asked for, and what they tell."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from worker.models.upload import Upload, UploadState

#: The states in which an upload waits for an attempt.
WAITING = (UploadState.REQUESTED, UploadState.RETRYING)
#: States from what is done to what never will be, as bars show them.
PROGRESS = (
    UploadState.LANDED,
    UploadState.UPLOADING,
    UploadState.RETRYING,
    UploadState.REQUESTED,
    UploadState.FAILED,
    UploadState.CANCELLED,
)


class RunOfJob(NamedTuple):
    """A run of a job, with its upload; None if nobody has asked for one."""

    run_id: int
    upload: Upload | None


@dataclass(frozen=True, slots=True)
class UploadFilter:
    """No `states` take every upload; `older_than` counts seconds since the request."""

    states: tuple[UploadState, ...] = ()
    unrequested: bool = False
    """The runs that nobody has asked an upload for, and no others; only a job has those."""
    job_id: int | None = None
    older_than: float | None = None
    by_run: bool = False
    """Whether a job's runs are sorted by id alone, not by URGENCY first."""


@dataclass(frozen=True, slots=True)
class StateFigures:
    """Figures of a job's uploads in one state. Bytes are those of the directories."""

    count: int = 0
    gone: int = 0
    """LANDED, and deleted since."""
    bytes_done: int = 0
    bytes_total: int = 0
    archive_size: int = 0
    first_requested_at: datetime | None = None
    last_landed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HourFigures:
    hour: str
    """`2026-01-31 18`, in UTC."""
    landed: int
    archive_size: int


class ListedJob(NamedTuple):
    id: int
    created_at: datetime | None
    counts: dict[UploadState, int]
