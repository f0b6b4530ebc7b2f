"""The upload of one run's results: its state machine, and its row as a value."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from worker.errors import IllegalTransition
from worker.models.validation import positive_id


class UploadState(StrEnum):
    REQUESTED = "REQUESTED"
    UPLOADING = "UPLOADING"
    RETRYING = "RETRYING"
    LANDED = "LANDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    def may_become(self, following: "UploadState") -> bool:
        return following in _FOLLOWING[self]

    @property
    def is_over(self) -> bool:
        return self is UploadState.LANDED or self in GIVEN_UP


#: How an upload ends that does not land; a new request starts it anew.
GIVEN_UP = (UploadState.FAILED, UploadState.CANCELLED)

#: UPLOADING follows itself when a lease ran out; REQUESTED follows any state when a producer asks
#: again.
_BEGUN_OR_GIVEN_UP = {
    UploadState.REQUESTED,
    UploadState.UPLOADING,
    UploadState.FAILED,
    UploadState.CANCELLED,
}
_FOLLOWING = {
    UploadState.REQUESTED: _BEGUN_OR_GIVEN_UP,
    UploadState.UPLOADING: set(UploadState),
    UploadState.RETRYING: _BEGUN_OR_GIVEN_UP,
    UploadState.LANDED: {UploadState.REQUESTED},
    UploadState.FAILED: {UploadState.REQUESTED},
    UploadState.CANCELLED: {UploadState.REQUESTED},
}


@dataclass(frozen=True, slots=True)
class Upload:
    """One row of `uploads`. Whoever holds it with the current `fence` holds the lease."""

    job_id: int
    run_id: int
    path: str
    state: UploadState = UploadState.REQUESTED
    task_id: str | None = None
    owner: str | None = None
    fence: int = 0
    attempt: int = 0
    deaths: int = 0
    """How often in a row a worker died of it, or with it."""
    cutbacks: int = 0
    """How often an attempt has met a limit of its process: each halves what the next one takes."""
    oom_kills: int = 0
    """Processes that the kernel had killed in the worker's container when the attempt began."""
    bytes_done: int = 0
    """Bytes of the tree whose packed form has been sent."""
    bytes_total: int | None = None
    file_count: int | None = None
    archive_size: int | None = None
    checksum: str | None = None
    sha256: str | None = None
    s3_key: str | None = None
    multipart_upload_id: str | None = None
    """S3's id of a multipart upload that an attempt began, for the next one to resume."""
    results_url: str | None = None
    left_out: str | None = None
    history: str | None = None
    """How attempts ended that did not land it; `worker.models.history` reads it."""
    error: str | None = None
    traceback: str | None = None
    lease_until: datetime | None = None
    next_attempt_at: datetime | None = None
    """No attempt begins before then; None if one may begin at once."""
    expires_at: datetime | None = None
    """An upload that waits for an attempt is cancelled then."""
    requested_at: datetime | None = None
    begun_at: datetime | None = None
    """When the current or last attempt was claimed."""
    updated_at: datetime | None = None
    landed_at: datetime | None = None
    deleted_by: str | None = None
    """Who deleted the results that had landed, by `deletions`; only a list of uploads has it."""
    deleted_at: datetime | None = None

    def __post_init__(self) -> None:
        positive_id("job id", self.job_id)
        positive_id("run id", self.run_id)

    @property
    def title(self) -> str:
        """What a log line calls it."""
        return f"job {self.job_id}, run {self.run_id}"

    @property
    def reason(self) -> str:
        """Its error, without the job and the run that begin it."""
        return (self.error or "").removeprefix(f"{self.title}: ")

    @property
    def holder(self) -> str:
        """The host and the process, as `host:pid`, that hold its lease; empty if none does."""
        return (self.owner or "").partition("@")[0]

    @property
    def is_gone(self) -> bool:
        """Whether its results had landed, and were deleted since."""
        return self.state is UploadState.LANDED and self.results_url is None

    @property
    def deletion(self) -> str:
        """By whom its results were deleted and when, after the word `deleted` in a message."""
        if self.deleted_at is None:
            return (self.error or "").removeprefix("deleted ")
        return f"by {self.deleted_by} at {self.deleted_at:%Y-%m-%d %H:%M:%S} UTC"

    def to(self, state: UploadState, **changes: Any) -> Self:
        """The upload in its next state, with these changes; raises IllegalTransition."""
        if not self.state.may_become(state):
            raise IllegalTransition(
                f"an upload can't go from {self.state} to {state}",
                job_id=self.job_id,
                run_id=self.run_id,
            )
        return replace(self, state=state, **changes)
