"""What lies under a job's prefix: listed, put there, located, looked at, downloaded."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from worker.interfaces.archives import Content
from worker.models.artifact import Artifact
from worker.models.artifact_kind import ArtifactId
from worker.models.download_location import DownloadLocation
from worker.models.inspected_object import InspectedObject
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.stored_object import StoredObject
from worker.models.upload_location import UploadLocation


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
