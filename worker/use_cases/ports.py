"""What several use cases ask of the database and of the bucket."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from worker.models.job import Job, Run
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.relocation import Relocation
from worker.models.stored_object import StoredObject
from worker.models.upload import Upload


class JobRepository(Protocol):
    def get(self, job_id: int) -> Job:
        """The job, or JobNotFound."""
        ...


class RunRepository(Protocol):
    def get(self, run_id: int) -> Run:
        """The run, or RunNotFound."""
        ...

    def of_job(self, job_id: int) -> list[Run]:
        """The job's runs, by id."""
        ...


class UploadRecords(Protocol):
    """The rows of `uploads`, to be read."""

    def uploads(self, job_id: int) -> list[Upload]:
        """The job's, by run."""
        ...


class ResultLocations(Protocol):
    """Where runs' results lie, as `runs` and `uploads` tell."""

    def relocate(self, moves: Iterable[Relocation]) -> int:
        """How many rows changed; an upload that has changed since it was looked at stays."""
        ...


class CopyRecords(Protocol):
    """Which multipart uploads copy a landed object, noted on the row of its upload."""

    def begin_copy(self, upload: Upload, multipart_id: str) -> None:
        """Note the multipart upload, which recovery then leaves alone for a day."""
        ...

    def end_copy(self, upload: Upload, multipart_id: str) -> None:
        """Remove the note: the multipart upload is completed or aborted."""
        ...


class ArtifactStore(Protocol):
    """What lies under jobs' prefixes."""

    def list(self, prefix: JobS3Prefix) -> Iterator[StoredObject]:
        """The job's objects by key; of one job alone, since its prefix ends with a slash."""
        ...

    def elsewhere(self, url: str, key: str) -> str | None:
        """The object that `url` names, as s3://…, unless that is the one under `key` here.

        InvalidObjectUrl if it names none.
        """
        ...
