"""The simulation job, a row the orchestrator owns."""

from dataclasses import dataclass
from datetime import datetime

from worker.models.checks import positive_id, utc


@dataclass(frozen=True, slots=True)
class Job:
    id: int
    created_at: datetime

    def __post_init__(self) -> None:
        positive_id("job id", self.id)
        object.__setattr__(self, "created_at", utc(self.created_at))
