"""What reading and adding to a job's artifacts asks of S3, of files and of archives."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from worker.models.archive import ArchiveMember, CheckedArchive
from worker.models.artifact import Artifact, ArtifactId
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.presigned_url import DownloadLocation, UploadLocation
from worker.models.stored_object import StoredObject


class OpenedZip(Protocol):
    @property
    def members(self) -> Sequence[ArchiveMember]: ...

    def read(self, member: ArchiveMember) -> Iterator[bytes]:
        """Yield the member's bytes; raises InvalidArchive before their end if they are wrong."""
        ...


class Content(Protocol):
    """The bytes of one stored object."""

    @property
    def size(self) -> int: ...

    def read(self, start: int, end: int) -> bytes:
        """All the bytes from `start` up to `end`. From any thread."""
        ...


class ArchiveCheck(Protocol):
    def __call__(self, content: Content) -> CheckedArchive:
        """Check every member's data against its CRC-32, in bounded memory.

        Raises ArchiveDamaged if data differ or the archive's records contradict each other.
        """
        ...


class ArtifactUploads(Protocol):
    def put(self, prefix: JobS3Prefix, artifact: ArtifactId, file: Path) -> Artifact:
        """Store the file's bytes under the artifact's key, verified."""
        ...


class UploadLocationRepository(Protocol):
    def locate(
        self, prefix: JobS3Prefix, artifact: ArtifactId, expires_in: timedelta
    ) -> UploadLocation:
        """Where to PUT the artifact; raises ExpiryRefused."""
        ...


class DownloadLocationRepository(Protocol):
    def locate(
        self, stored: StoredObject, file_name: str, expires_in: timedelta
    ) -> DownloadLocation:
        """Where to GET the object; raises ExpiryRefused."""
        ...


class Downloads(Protocol):
    """Files that objects are downloaded to. `checksum` is `CRC32:base64`; None if unknown."""

    def locked(self, directory: Path) -> AbstractContextManager[None]:
        """Make the directory, and keep every other download out of it during the block."""
        ...

    def is_complete(self, file: Path, found: StoredObject, checksum: str | None) -> bool:
        """Whether the file is the object already."""
        ...

    def download(
        self,
        found: StoredObject,
        checksum: str | None,
        to: Path,
        arrived: Callable[[int], None],
    ) -> None:
        """Download the object, verified; resumes an interrupted download.

        `arrived` is called with numbers of bytes, from any thread.
        """
        ...
