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

    def may_become(self, following: "UploadState") -> bool:
        return following in _FOLLOWING[self]

    @property
    def is_over(self) -> bool:
        return self in (UploadState.LANDED, UploadState.FAILED)


#: UPLOADING follows itself when a lease ran out; REQUESTED follows any state when a producer asks
#: again.
_FOLLOWING = {
    UploadState.REQUESTED: {UploadState.REQUESTED, UploadState.UPLOADING, UploadState.FAILED},
    UploadState.UPLOADING: set(UploadState),
    UploadState.RETRYING: {UploadState.REQUESTED, UploadState.UPLOADING, UploadState.FAILED},
    UploadState.LANDED: {UploadState.REQUESTED},
    UploadState.FAILED: {UploadState.REQUESTED},
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
    bytes_done: int = 0
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
    error: str | None = None
    traceback: str | None = None
    lease_until: datetime | None = None
    next_attempt_at: datetime | None = None
    requested_at: datetime | None = None
    updated_at: datetime | None = None
    landed_at: datetime | None = None

    def __post_init__(self) -> None:
        positive_id("job id", self.job_id)
        positive_id("run id", self.run_id)

    def to(self, state: UploadState, **changes: Any) -> Self:
        """The upload in its next state, with these changes; raises IllegalTransition."""
        if not self.state.may_become(state):
            raise IllegalTransition(
                f"an upload can't go from {self.state} to {state}",
                job_id=self.job_id,
                run_id=self.run_id,
            )
        return replace(self, state=state, **changes)
