"""What several use cases ask of the database and of the bucket."""

from typing import Protocol

from worker.models.job import Job, Run


class JobRepository(Protocol):
    def get(self, job_id: int) -> Job:
        """The job; raises JobNotFound."""
        ...


class RunRepository(Protocol):
    def get(self, run_id: int) -> Run:
        """The run; raises RunNotFound."""
        ...

    def of_job(self, job_id: int) -> list[Run]:
        """The job's runs, by id."""
        ...
