"""What SQL keeps: of jobs and runs, which are others', and of uploads, which are ours."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from worker.models.archive import Archive
from worker.models.artifact import Artifact
from worker.models.deletion import Deletion
from worker.models.job import Job
from worker.models.refusal import Refusal
from worker.models.relocation import Relocation
from worker.models.run import Run
from worker.models.upload import Upload
from worker.models.upload_request import UploadRequest


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


class RequestRepository(Protocol):
    """The requests of producers, each a row of `uploads`."""

    def request(self, request: UploadRequest, *, published: bool) -> Upload:
        """The row that stands for this request, made, renewed or left as it is.

        A landed upload is renewed only by `replace`; one under way only by `replace` or another
        path, which takes the lease from its holder; a failed one by any new message.
        `published` says that a message for it is in the broker already.
        """
        ...

    def refuse(self, refusal: Refusal) -> None:
        """A FAILED row for a message that makes no request. An upload with another path stays."""
        ...

    def published(self, upload: Upload) -> None:
        """A message for the requested upload is in the broker."""
        ...


class Doorbells(Protocol):
    """Which uploads need a message."""

    def missed(self, request: UploadRequest, *, since: float) -> bool:
        """The request's message was taken and should have led to something `since` seconds ago: if
        it has not, nor another one after it, the row is due again.
        """
        ...


class LeaseRepository(Protocol):
    """The leases that processes hold."""

    def held_on(self, machine: str) -> list[Upload]:
        """The uploads that processes of that machine hold."""
        ...

    def release(self, upload: Upload) -> None:
        """End the lease at once, if it is still this one, since its holder has ended."""
        ...


class OrphanRepository(Protocol):
    """What rows know of multipart uploads."""

    def find(self, job_id: int, run_id: int) -> Upload | None: ...

    def given_up(self) -> list[Upload]:
        """The uploads that are over and still name one that nobody copies their object by."""
        ...

    def forget_multipart(self, upload: Upload) -> None:
        """It is gone."""
        ...


class UploadRepository(LeaseRepository, Protocol):
    """The rows of `uploads`. All times are the database's own, all durations in seconds.

    Whatever takes an `upload` acts only while its fence is the row's, and raises LeaseLost else.
    """

    def claim(self, job_id: int, run_id: int, *, owner: str, lease: float) -> Upload | None:
        """The upload with a new lease and fence; None if it is over, held, or not yet due."""
        ...

    def renew(self, upload: Upload, *, lease: float, bytes_done: int) -> None:
        """Extend the lease and write the progress."""
        ...

    def opened(
        self, upload: Upload, *, multipart_id: str, file_count: int, bytes_total: int, s3_key: str
    ) -> None:
        """Record the multipart upload, so that it can be found and aborted, and what it is for."""
        ...

    def seal(self, upload: Upload, *, archive: Archive, artifact: Artifact) -> None:
        """Record what is about to stand under the key, so that a later attempt knows it."""
        ...

    def land(self, upload: Upload, *, results_url: str) -> None:
        """LANDED, and the run's location, time and status with it, in one transaction."""
        ...

    def retry(self, upload: Upload, *, error: str, delay: float, traceback: str) -> None:
        """RETRYING, due after `delay` seconds."""
        ...

    def postpone(
        self, upload: Upload, *, reason: str, delay: float, bytes_total: int | None
    ) -> None:
        """RETRYING, due after `delay` seconds, as if it had not been claimed but for its size."""
        ...

    def fail(self, upload: Upload, *, error: str, traceback: str) -> None: ...


class ResultLocations(Protocol):
    """Where runs' results lie, as `runs` and `uploads` tell."""

    def relocate(self, moves: Iterable[Relocation]) -> int:
        """How many rows changed; an upload that has changed since it was looked at stays."""
        ...

    def copying(self, upload: Upload, multipart_id: str) -> None:
        """Its object is being copied by that multipart upload, which nobody is to abort today."""
        ...

    def copied(self, upload: Upload, multipart_id: str) -> None:
        """That is over."""
        ...


class MovedResults(Protocol):
    def record(
        self,
        run: Run,
        *,
        key: str,
        size: int,
        checksum: str | None,
        results_url: str,
        former_url: str,
        landed_at: datetime,
    ) -> None:
        """The run's results lie under the key; so says its upload, made where there is none.

        RunNotFound, and nothing written, if the run is gone.
        """
        ...


class DeletionRepository(Protocol):
    """The audit of deletions."""

    def begin(self, deletion: Deletion, *, who: str) -> int:
        """The new row's id. UploadUnderWay if an upload of the job holds a lease; those that wait
        for one FAIL, in the same transaction.
        """
        ...

    def finish(self, deletion_id: int, *, failures: int) -> None: ...
