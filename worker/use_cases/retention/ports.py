"""What archiving, restoring and deleting ask of S3 and of the database."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from worker.models.deletion import Deletion, ObjectVersion
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.storage_class import RestoreState, RestoreTier, StorageClass
from worker.models.stored_object import IncompleteUpload, StoredObject


class StorageClasses(Protocol):
    """The objects of one bucket, moved between storage classes and to other buckets."""

    @property
    def bucket(self) -> str: ...

    def require_bucket(self, bucket: str) -> None:
        """StorageRefused unless there is such a bucket, and we may use it."""
        ...

    def url(self, bucket: str, key: str) -> str:
        """The object's permanent location."""
        ...

    def is_here(self, url: str, key: str) -> bool:
        """Whether the URL, of whatever form, names the key in this bucket."""
        ...

    def change_class(
        self, stored: StoredObject, to: StorageClass, opened: Callable[[str], None]
    ) -> None:
        """Copy it onto itself; ArtifactReplaced if it is another object by now, ArtifactArchived
        if it has to be restored first. `opened` is told of a multipart upload, if it takes one.
        """
        ...

    def copy_to(self, bucket: str, stored: StoredObject, storage_class: StorageClass) -> None:
        """The same object under the same key there, verified; PlaceTaken by another one."""
        ...

    def remove(self, stored: StoredObject) -> None:
        """Delete that very object; no other that has taken its place."""
        ...


class RestoreStore(Protocol):
    def restore_state(self, stored: StoredObject) -> RestoreState: ...

    def restore(self, stored: StoredObject, days: int, tier: RestoreTier) -> None:
        """Ask S3 for a readable copy for so many days from now on, or as many more."""
        ...


class ObjectVersions(Protocol):
    """What lies under jobs' prefixes in one bucket, to be deleted for good."""

    @property
    def bucket(self) -> str: ...

    def is_here(self, url: str, key: str) -> bool:
        """Whether the URL, of whatever form, names the key in this bucket."""
        ...

    def list(self, prefix: JobS3Prefix) -> Iterator[ObjectVersion]:
        """The job's objects, all their versions, and delete markers."""
        ...

    def delete(self, doomed: Sequence[ObjectVersion]) -> dict[ObjectVersion, str]:
        """Why those of at most MOST_AT_ONCE that are still there could not be deleted."""
        ...

    def incomplete_uploads(self, prefix: JobS3Prefix) -> Iterator[IncompleteUpload]:
        """The job's multipart uploads that are neither completed nor aborted."""
        ...

    def abort(self, found: IncompleteUpload) -> None: ...


class DeletionRepository(Protocol):
    """The audit of deletions."""

    def begin(self, deletion: Deletion, *, who: str) -> int:
        """The new row's id. UploadUnderWay if an upload of the job holds a lease; those that wait
        for one FAIL, in the same transaction.
        """
        ...

    def finish(self, deletion_id: int, *, failures: int) -> None: ...
