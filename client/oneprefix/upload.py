"""An upload as its row tells it, and the answer to many requests."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

#: The states in which an upload is over.
OVER = ("LANDED", "FAILED", "CANCELLED")


@dataclass(frozen=True)
class Upload:
    """One row of `uploads`. Times are aware."""

    job_id: int
    run_id: int
    path: str
    state: str = "REQUESTED"
    """REQUESTED, UPLOADING, RETRYING, LANDED, FAILED or CANCELLED."""
    attempt: int = 0
    bytes_done: int = 0
    bytes_total: int | None = None
    results_url: str | None = None
    """The permanent URL of landed results; None again once they were deleted."""
    error: str | None = None
    next_attempt_at: datetime | None = None
    """No attempt begins earlier; None if one may begin at once."""
    expires_at: datetime | None = None
    requested_at: datetime | None = None
    landed_at: datetime | None = None
    is_spooled: bool = False
    """Whether a file has the request, since the database did not answer."""

    @property
    def is_over(self) -> bool:
        return self.state in OVER


@dataclass(frozen=True)
class Enqueued:
    """The answer to `enqueue_many`."""

    uploads: Mapping[int, Upload]
    """By run: what was requested, or had been before."""
    refused: Mapping[object, str]
    """By run: why there is no request."""
