"""One run of a simulation job, a row the orchestrator owns."""

from dataclasses import dataclass

from worker.models.checks import positive_id


@dataclass(frozen=True, slots=True)
class Run:
    id: int
    job_id: int
    status: str | None = None
    results_url: str | None = None

    def __post_init__(self) -> None:
        positive_id("run id", self.id)
        positive_id("job id", self.job_id)
