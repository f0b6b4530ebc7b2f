"""What several use cases ask of the database and of the bucket."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from worker.models.job import Job, Run
from worker.models.retention import Relocation
from worker.models.stored_object import IncompleteUpload, ObjectUrl, StoredObject
from worker.models.upload import Upload


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


class UploadRecords(Protocol):
    """The rows of `uploads`, for reading."""

    def uploads(self, job_id: int) -> list[Upload]:
        """The job's rows, by run."""
        ...


class ResultLocations(Protocol):
    """The locations of results in `runs` and `uploads`."""

    def relocate(self, moves: Iterable[Relocation]) -> int:
        """Write the new locations; returns how many rows changed.

        An upload that has changed since it was looked at keeps its location.
        """
        ...


class CopyRecords(Protocol):
    """The multipart uploads that copy landed objects, recorded in the rows of their uploads."""

    def begin_copy(self, upload: Upload, multipart_id: str) -> None:
        """Record the multipart upload, so that recovery leaves it alone for a day."""
        ...

    def end_copy(self, upload: Upload, multipart_id: str) -> None:
        """Remove the record of a multipart upload that is completed or aborted."""
        ...


class ArchiveFile(Protocol):
    """A seekable file over one stored object, read by as few requests as possible."""

    size: int
    transferred: int
    """Bytes so far."""
    requests: int

    def expect(self, start: int, end: int) -> None:
        """Announce that this range will be read from its start on: one request will do."""
        ...

    def seek(self, offset: int, whence: int = ...) -> int: ...
    def tell(self) -> int: ...
    def seekable(self) -> bool: ...
    def read(self, size: int = ...) -> bytes: ...


class Bucket(Protocol):
    """One bucket and the objects in it.

    Methods that ask S3 raise StorageRefused, StorageForbidden or StorageUnavailable.
    """

    @property
    def name(self) -> str: ...

    def url(self, key: str) -> str:
        """The object's permanent URL; never presigned."""
        ...

    def parse(self, url: str) -> ObjectUrl:
        """The object, of this bucket or another, that the URL names; raises InvalidObjectUrl."""
        ...

    def is_at(self, url: str, key: str) -> bool:
        """Whether the URL, in whatever form, names this bucket's object under the key."""
        ...

    def head(self, key: str) -> StoredObject | None:
        """The object under the key, or None."""
        ...

    def require(self, key: str) -> StoredObject:
        """As `head`, but raises ArtifactNotFound instead of returning None."""
        ...

    def list(self, beneath: str) -> Iterator[StoredObject]:
        """Yield the objects whose keys begin with `beneath`, by key."""
        ...

    def read(self, found: StoredObject, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes from `start` up to `end` of that very object.

        Raises ArtifactNotFound, ArtifactReplaced if another object stands there by now,
        ArtifactArchived.
        """
        ...

    def open(self, found: StoredObject) -> ArchiveFile:
        """That very object as a file."""
        ...

    def delete(self, found: StoredObject) -> None:
        """Delete that very object; no other that has taken its place."""
        ...

    def incomplete_uploads(self, beneath: str) -> Iterator[IncompleteUpload]:
        """Yield the multipart uploads of keys that begin with `beneath`."""
        ...

    def require_aborted(self, key: str, upload_id: str) -> None:
        """Abort the multipart upload, unless S3 has forgotten it already."""
        ...
