"""What has landed, counted."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class By(StrEnum):
    DAY = "day"
    JOB = "job"


@dataclass(frozen=True, slots=True)
class Landed:
    """On a day, of a job; None where all of them are counted together."""

    day: date | None
    """In UTC."""
    job_id: int | None
    runs: int
    artifacts: int
    bytes: int
