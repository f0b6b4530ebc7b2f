"""What changing storage classes, restoring and deleting ask of S3 and of the database."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from worker.models.retention import Deletion
from worker.models.storage_class import RestoreTier, StorageClass
from worker.models.stored_object import ObjectVersion, StoredObject


class StorageClasses(Protocol):
    """The storage classes of one bucket's objects."""

    def require_bucket(self, name: str) -> None:
        """Raise StorageRefused unless that bucket exists and these credentials may use it."""
        ...

    def change(self, stored: StoredObject, to: StorageClass, opened: Callable[[str], None]) -> None:
        """Change that very object's class, by a copy onto itself.

        `opened` is called with the id of a multipart upload, if the copy takes one. Raises
        ArtifactNotFound, ArtifactReplaced, ArtifactArchived.
        """
        ...

    def copy_to(self, bucket: str, stored: StoredObject, storage_class: StorageClass) -> str:
        """Copy to the same key of another bucket, verified; returns the copy's permanent URL.

        Raises PlaceTaken if another object stands there, StorageRefused if the store can't tell
        whether the copy is the same.
        """
        ...

    def restore(self, stored: StoredObject, days: int, tier: RestoreTier) -> None:
        """Ask S3 for a readable copy for so many days from now on."""
        ...


class ObjectVersions(Protocol):
    """Everything that one bucket keeps under its keys, to be deleted for good."""

    def list(self, beneath: str) -> Iterator[ObjectVersion]:
        """Yield versions and delete markers whose keys begin with `beneath`.

        Objects alone, without versions, where the store keeps none.
        """
        ...

    def delete(self, versions: Sequence[ObjectVersion]) -> dict[ObjectVersion, str]:
        """Delete at most MAX_BATCH; returns those that could not be deleted, with the reasons."""
        ...


class DeletionRepository(Protocol):
    """The audit of deletions."""

    def begin(self, deletion: Deletion, *, who: str) -> int:
        """Record that the deletion begins; returns the record's id.

        Uploads of the job that wait for a worker become FAILED in the same transaction. Raises
        UploadUnderWay, and records nothing, if one of them is leased.
        """
        ...

    def finish(self, deletion_id: int, *, failures: int) -> None: ...
