"""What an upload asks of the database, of packing and of S3."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from worker.models.archive import Archive
from worker.models.artifact import Artifact
from worker.models.job import Run
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.upload import Upload
from worker.models.upload_request import Refusal, UploadRequest
from worker.use_cases.recovery.ports import LeaseRepository


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


class Package(Protocol):
    """An opened results directory, about to be packed once."""

    @property
    def file_count(self) -> int: ...
    @property
    def bytes_total(self) -> int: ...
    @property
    def size_bound(self) -> int:
        """Bytes that the archive won't exceed."""
        ...

    @property
    def bytes_done(self) -> int:
        """Bytes of the tree's files packed so far."""
        ...

    def chunks(self) -> Iterator[bytes | bytearray]:
        """The archive, piece by piece; TreeChanged if the tree does not hold still."""
        ...

    @property
    def archive(self) -> Archive:
        """What it came to, once `chunks` has ended."""
        ...


class Packager(Protocol):
    def open(self, path: str, moved: Callable[[], None] = ...) -> AbstractContextManager[Package]:
        """The results directory at `path`, measured, or PathRefused, ResultsDirectoryMissing,
        InvalidResultsDirectory. `moved` is called as the measuring goes on."""
        ...


class Semaphore(Protocol):
    """Limits how many processes of a worker do the same at once."""

    def acquire(self) -> bool:
        """Return whether this process holds the semaphore now; never waits."""
        ...

    def release(self) -> None: ...


class Attempt(Protocol):
    """The attempt that an archive is stored for; each call but `moved` may raise, to give it up."""

    def moved(self) -> None:
        """A piece was packed or sent. From any thread."""
        ...

    def check(self) -> None:
        """Called between pieces, and every second while none comes."""
        ...

    def opened(self, multipart_id: str) -> None:
        """A multipart upload has been created in S3."""
        ...

    def sealed(self, artifact: Artifact) -> None:
        """All bytes are with S3; next it is asked to put `artifact` under its key. Called again
        before that would replace what somebody else has put there meanwhile."""
        ...


class ResultsRepository(Protocol):
    def upload(
        self,
        prefix: JobS3Prefix,
        run: Run,
        package: Package,
        attempt: Attempt,
        begun: str | None = None,
    ) -> Artifact:
        """The whole archive under the run's key, verified, or nothing.

        `begun` is the multipart upload of an earlier attempt, whose parts are not sent again where
        they are the same. What fails for a while leaves its parts for the next attempt.
        """
        ...

    def abort(self, key: str, multipart_id: str) -> None:
        """S3 forgets the multipart upload and its parts, if it can be told so now."""
        ...

    def holds(self, key: str, *, size: int, checksum: str, sha256: str | None) -> bool:
        """Whether that very object stands under `key`."""
        ...

    def url(self, key: str) -> str:
        """The object's permanent location."""
        ...
