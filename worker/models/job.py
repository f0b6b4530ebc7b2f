"""The simulation job and its runs: rows that the orchestrator owns."""

from dataclasses import dataclass
from datetime import datetime

from worker.models.validation import positive_id, utc


@dataclass(frozen=True, slots=True)
class Job:
    id: int
    created_at: datetime

    def __post_init__(self) -> None:
        positive_id("job id", self.id)
        object.__setattr__(self, "created_at", utc(self.created_at))


@dataclass(frozen=True, slots=True)
class Run:
    id: int
    job_id: int
    status: str | None = None
    results_url: str | None = None

    def __post_init__(self) -> None:
        positive_id("run id", self.id)
        positive_id("job id", self.job_id)
