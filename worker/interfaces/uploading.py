"""What an attempt of an upload works with: the packed directory, and where it goes."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from worker.models.archive import Archive
from worker.models.artifact import Artifact
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.open_upload import OpenUpload
from worker.models.run import Run


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


class Places(Protocol):
    """What only so many processes of a worker may hold at once."""

    def take(self) -> bool:
        """Whether this process holds one now."""
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


class OpenUploads(Protocol):
    def list(self) -> Iterator[OpenUpload]:
        """S3's open multipart uploads of ours, as far as it tells."""
        ...

    def abort(self, key: str, multipart_id: str) -> bool:
        """Whether S3 has forgotten it."""
        ...
