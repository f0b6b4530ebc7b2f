"""What a migration asks of S3 and of the database."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Protocol

from worker.models.job import Run
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


class MovedResults(Protocol):
    def record_moved(
        self,
        run: Run,
        *,
        key: str,
        size: int,
        checksum: str | None,
        results_url: str,
        former_url: str,
        landed_at: datetime,
    ) -> None:
        """The run's results lie under the key; so says its upload, made where there is none.

        RunNotFound, and nothing written, if the run is gone.
        """
        ...
