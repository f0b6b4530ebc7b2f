"""How much has landed, by day and job."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class By(StrEnum):
    DAY = "day"
    JOB = "job"


@dataclass(frozen=True, slots=True)
class Landed:
    """Counts of landed results; `day` or `job_id` is None where the counts span all of them."""

    day: date | None
    """In UTC."""
    job_id: int | None
    runs: int
    artifacts: int
    bytes: int
    """Of the archives."""
