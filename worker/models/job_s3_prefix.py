"""The one S3 prefix of a job, made from when the job was created and from nothing else."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, Self

from worker.errors import InvalidRequest
from worker.models.validation import positive_id, utc

#: What the keys of all jobs' artifacts begin with.
ALL_JOBS = "jobs/"


_PREFIX = re.compile(rf"{ALL_JOBS}([1-9]\d{{0,18}})/(\d{{4}}/\d\d/\d\d/\d{{6}})/?", re.ASCII)


class CreatedJob(Protocol):
    """Anything with a job's id and creation time: `Job`, or the orchestrator's own row."""

    @property
    def id(self) -> int: ...
    @property
    def created_at(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class JobS3Prefix:
    """`jobs/{job_id}/{yyyy}/{mm}/{dd}/{HHMMSS}`, in UTC, and the keys under it.

    Prefixes are equal if their keys are, in whatever time zone their timestamps are written.
    """

    job_id: int
    timestamp: datetime
    """As given: the time in UTC stands in the keys alone."""

    def __post_init__(self) -> None:
        positive_id("job id", self.job_id)
        utc(self.timestamp)  # raises for what is no time

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, JobS3Prefix):
            return NotImplemented
        return self.base_prefix == other.base_prefix

    def __hash__(self) -> int:
        return hash(self.base_prefix)

    @classmethod
    def from_job(cls, job: CreatedJob) -> Self:
        return cls(job_id=job.id, timestamp=job.created_at)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The prefix written so, with or without its closing slash; raises InvalidRequest."""
        match = _PREFIX.fullmatch(text)
        try:
            if match:
                at = datetime.strptime(f"{match[2]} +0000", "%Y/%m/%d/%H%M%S %z")
                return cls(int(match[1]), at)
        except ValueError:
            pass  # no such day or hour
        raise InvalidRequest(
            f"{text!r:.200} is not the prefix of one job, such as jobs/12/2025/10/23/211500/"
        )

    @property
    def base_prefix(self) -> str:
        # strftime("%Y") does not pad years before 1000 on every platform
        at = utc(self.timestamp)
        return f"{ALL_JOBS}{self.job_id}/{at.year:04d}/{at:%m/%d/%H%M%S}"

    @property
    def folder(self) -> str:
        """The prefix with the slash that keeps job 1's keys apart from job 10's."""
        return f"{self.base_prefix}/"

    def job_config_key(self) -> str:
        return f"{self.folder}job_config.json"

    def job_input_key(self) -> str:
        return f"{self.folder}job_input.zip"

    def run_config_key(self, run_id: int) -> str:
        return self._run_key(run_id, "config.json")

    def run_results_key(self, run_id: int) -> str:
        return self._run_key(run_id, "results.zip")

    def run_logs_key(self, run_id: int) -> str:
        return self._run_key(run_id, "logs.log")

    def _run_key(self, run_id: int, name: str) -> str:
        return f"{self.folder}run_{positive_id('run id', run_id)}_{name}"


_RESULTS_KEY = re.compile(rf"{ALL_JOBS}(\d+)/\d{{4}}/\d\d/\d\d/\d{{6}}/run_(\d+)_results\.zip")


def run_of_results_key(key: str) -> tuple[int, int] | None:
    """The job's and the run's id that a key of results names; None for every other key."""
    match = _RESULTS_KEY.fullmatch(key)
    return (int(match[1]), int(match[2])) if match else None
