"""What reading and adding to a job's artifacts asks of S3 and of archives."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from worker.models.archive import ArchiveMember, CheckedArchive
from worker.models.artifact import Artifact, ArtifactId
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.presigned_url import DownloadLocation, UploadLocation
from worker.models.stored_object import InspectedObject, StoredObject
from worker.use_cases.ports import ArtifactStore


class ArchiveFile(Protocol):
    """A file that is read by requests, as few as may be."""

    size: int
    transferred: int
    """Bytes so far."""
    requests: int

    def expect(self, start: int, end: int) -> None:
        """This range is about to be read from its start on."""
        ...

    def seek(self, offset: int, whence: int = ...) -> int: ...
    def tell(self) -> int: ...
    def seekable(self) -> bool: ...
    def read(self, size: int = ...) -> bytes: ...


class ObjectReader(Protocol):
    def open(self, key: str) -> ArchiveFile:
        """The object under the key as a file, or ArtifactNotFound."""
        ...


class OpenedZip(Protocol):
    @property
    def members(self) -> Sequence[ArchiveMember]: ...

    def read(self, member: ArchiveMember) -> Iterator[bytes]:
        """The member's bytes; InvalidArchive before their end if they are not its own."""
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
        """Every member's data against its CRC-32, in bounded memory; ArchiveDamaged if it differs
        or the archive's records contradict each other."""
        ...


class ArtifactUploads(Protocol):
    def put(self, prefix: JobS3Prefix, artifact: ArtifactId, file: Path) -> Artifact:
        """The file's bytes under the artifact's key, verified, or nothing new there."""
        ...


class UploadLocationRepository(Protocol):
    def locate(
        self, prefix: JobS3Prefix, artifact: ArtifactId, expires_in: timedelta
    ) -> UploadLocation:
        """Where to PUT the artifact; ExpiryRefused if the location can't be good for so long."""
        ...


class DownloadLocationRepository(Protocol):
    def locate(
        self, stored: StoredObject, file_name: str, expires_in: timedelta
    ) -> DownloadLocation:
        """Where to GET the object; ExpiryRefused if the location can't be good for so long."""
        ...


class Downloads(Protocol):
    def alone_in(self, directory: Path) -> AbstractContextManager[None]:
        """The directory, made if need be, with no other download to it meanwhile."""
        ...

    def look(self, key: str, recorded: str | None) -> InspectedObject:
        """What lies under the key; with the `recorded` checksum where its store tells none."""
        ...

    def has(self, file: Path, found: InspectedObject) -> bool:
        """Whether the file is this object already."""
        ...

    def download(self, found: InspectedObject, to: Path, moved: Callable[[int], None]) -> None:
        """The whole object in the file, verified, or what has arrived of it beside that.

        `moved` is told how many bytes have arrived, from any thread.
        """
        ...


class InspectedStore(ArtifactStore, Protocol):
    """The same, looked at and read object by object."""

    def elsewhere(self, url: str, key: str) -> str | None:
        """The object that the URL names, if that is certainly another than our bucket's `key`."""
        ...

    def inspect(self, key: str) -> InspectedObject | None:
        """What S3 itself says of it; None if there is none."""
        ...

    def content(self, found: InspectedObject) -> Content:
        """The bytes of that very object, whatever replaces it."""
        ...
