"""Objects that are copied, moved between storage classes, restored or deleted."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from worker.models.deletion import Doomed
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.open_upload import OpenUpload
from worker.models.restore_state import RestoreState
from worker.models.storage_class import RestoreTier, StorageClass
from worker.models.stored_object import StoredObject


class ScatteredObjects(Protocol):
    """The bucket's objects wherever they lie."""

    def list(self, beneath: str) -> Iterator[StoredObject]:
        """Those whose keys begin so, by key."""
        ...

    def url(self, key: str) -> str:
        """The object's permanent location."""
        ...

    def key_of(self, url: str) -> str:
        """The key that the URL names, or InvalidObjectUrl if it is none of this bucket's."""
        ...

    def ends_as_archive(self, found: StoredObject) -> bool:
        """Whether it ends as a ZIP does that was written to its end."""
        ...

    def is_same(self, one: StoredObject, other: StoredObject) -> bool:
        """Whether they are the same bytes. They are read if S3 has nothing to tell it by."""
        ...

    def checksum(self, key: str) -> str | None:
        """S3's of the whole object, as `ALGORITHM:base64`, if it has one that we know."""
        ...

    def copy(
        self,
        source: StoredObject,
        key: str,
        *,
        replaces: StoredObject | None = None,
        opened: Callable[[str], None] = ...,
    ) -> str | None:
        """A verified copy stands under the key, where nothing stood but what it replaces; its
        `checksum`. `opened` is told of a multipart upload, if it takes one.

        Done already, it does nothing. StorageUnavailable if another object stands there.
        """
        ...

    def delete(self, source: StoredObject) -> None:
        """Unless it has changed since."""
        ...


class ArchiveStore(Protocol):
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


class DoomedObjects(Protocol):
    """What lies under jobs' prefixes in one bucket, to be deleted for good."""

    @property
    def bucket(self) -> str: ...

    def is_here(self, url: str, key: str) -> bool:
        """Whether the URL, of whatever form, names the key in this bucket."""
        ...

    def list(self, prefix: JobS3Prefix) -> Iterator[Doomed]:
        """The job's objects, all their versions, and delete markers."""
        ...

    def delete(self, doomed: Sequence[Doomed]) -> dict[Doomed, str]:
        """Why those of at most MOST_AT_ONCE that are still there could not be deleted."""
        ...

    def open_uploads(self, prefix: JobS3Prefix) -> Iterator[OpenUpload]:
        """The job's multipart uploads that are neither completed nor aborted."""
        ...

    def abort(self, found: OpenUpload) -> None: ...
