"""What an upload asks of the database, of packing and of S3."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from worker.models.archive import Archive
from worker.models.artifact import Artifact
from worker.models.job import Run
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.upload import Upload


class UploadRepository(Protocol):
    """The rows of `uploads`. All times are the database's own, all durations in seconds.

    Every method that takes an `upload` acts only while the row still has that upload's fence.
    All but `release` and `died` raise LeaseLost otherwise.
    """

    def claim(
        self, job_id: int, run_id: int, *, owner: str, lease: float, oom_kills: int = 0
    ) -> Upload | None:
        """Take a lease, with a new fence; None if the upload is over, held or not yet due."""
        ...

    def renew(self, upload: Upload, *, lease: float, bytes_done: int) -> None:
        """Extend the lease to `lease` seconds from now, and record the progress.

        Raises LeaseLost also for a lease that has run out.
        """
        ...

    def release(self, upload: Upload) -> None:
        """End the lease of a holder that has given up, so that the upload is due."""
        ...

    def died(self, upload: Upload, *, error: str, delay: float | None, is_certain: bool) -> bool:
        """Count a death of the upload's worker, once, and return whether this call did.

        The upload is RETRYING, due after `delay` seconds, or FAILED if that is None. The owner
        stays, to be recognised. A death that is not certain counts if the lease has run out.
        """
        ...

    def opened(
        self, upload: Upload, *, multipart_id: str, file_count: int, bytes_total: int, s3_key: str
    ) -> None:
        """Record the multipart upload, so that it can be resumed or aborted, and its tree."""
        ...

    def seal(self, upload: Upload, *, archive: Archive, artifact: Artifact) -> None:
        """Record the object that is about to be completed, so that a later attempt knows it."""
        ...

    def land(self, upload: Upload, *, results_url: str) -> float:
        """Record LANDED, and the run's location, time and status, in one transaction.

        Returns the seconds since the request.
        """
        ...

    def retry(
        self, upload: Upload, *, error: str, delay: float, traceback: str, cut_back: bool = False
    ) -> None:
        """Record RETRYING, due after `delay` seconds; with `cut_back`, to take less then."""
        ...

    def postpone(
        self, upload: Upload, *, reason: str, delay: float, bytes_total: int | None
    ) -> None:
        """Record RETRYING, due after `delay` seconds, without counting the attempt."""
        ...

    def fail(self, upload: Upload, *, error: str, traceback: str) -> None:
        """Record FAILED."""
        ...


class Package(Protocol):
    """An opened and measured results directory, about to be packed once."""

    @property
    def file_count(self) -> int: ...
    @property
    def bytes_total(self) -> int:
        """Bytes of the tree's regular files."""
        ...

    @property
    def fingerprint(self) -> str:
        """Another one if any file or directory of the tree was changed meanwhile."""
        ...

    @property
    def size_bound(self) -> int:
        """Upper bound of the archive's size, in bytes."""
        ...

    @property
    def bytes_done(self) -> int:
        """Bytes of the tree's files packed so far."""
        ...

    def chunks(self) -> Iterator[bytes | bytearray]:
        """Yield the archive; TreeChanged if the tree changes meanwhile. Single use."""
        ...

    @property
    def archive(self) -> Archive:
        """Facts of the whole archive, once `chunks` is exhausted."""
        ...


class Packager(Protocol):
    def open(
        self, path: str, moved: Callable[[], None] = ..., *, cutbacks: int = 0
    ) -> AbstractContextManager[Package]:
        """Open and measure the results directory at `path`, calling `moved` for each entry.

        Each of the `cutbacks` halves the threads that pack; none but the first try has helpers.
        Raises PathRefused, ResultsDirectoryMissing or InvalidResultsDirectory.
        """
        ...


class OutgoingArchive(Protocol):
    """An archive on its way to its key in S3."""

    @property
    def multipart_upload_id(self) -> str | None:
        """S3's id of the multipart upload; None if the archive fits into one request."""
        ...

    def send_parts(self) -> Artifact:
        """Send everything to S3; nothing stands under the key yet. Returns what will."""
        ...

    def complete(self, condition: Mapping[str, str] | None = None) -> Mapping[str, str] | None:
        """Put the object under its key, if what stands there meets the condition.

        Without a condition, only where nothing stands. Returns None once the object stands under
        its key, verified; otherwise the condition that holds for what was found there instead.
        """
        ...


class ResultsStore(Protocol):
    """The archives of runs' results in S3."""

    def begin(
        self,
        prefix: JobS3Prefix,
        run: Run,
        chunks: Iterable[bytes | bytearray],
        *,
        size_bound: int,
        file_count: int,
        moved: Callable[[], None],
        check: Callable[[], None],
        sent: Callable[[int], None],
        resume_id: str | None = None,
        cutbacks: int = 0,
    ) -> AbstractContextManager[OutgoingArchive]:
        """Prepare to store the archive that `chunks` yields under the run's key.

        `moved` is called for each piece packed, `sent` from any thread with the bytes of each that
        is sent, or was before; with a negative number if so many have to be sent again. `check` is
        called in the caller's thread between chunks, and every second while waiting; it may raise.
        `resume_id` names a multipart upload of an earlier attempt: its parts are not sent again
        where they are the same. Each of the `cutbacks` halves the connections. If the block raises
        a transient error, the parts stay for the next attempt; after any other error the multipart
        upload is aborted.
        """
        ...

    def abort(self, key: str, multipart_id: str) -> None:
        """Abort a multipart upload, if S3 can be reached now."""
        ...

    def holds(self, artifact: Artifact) -> bool:
        """Whether that very object stands under its key."""
        ...

    def url(self, key: str) -> str:
        """The object's permanent location."""
        ...
