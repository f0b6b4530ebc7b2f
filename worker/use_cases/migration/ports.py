"""What a migration asks of S3 and of the database."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from worker.models.job import Run
from worker.models.stored_object import StoredObject


class VerifiedCopies(Protocol):
    """Copies within one bucket."""

    def copy(
        self,
        source: StoredObject,
        key: str,
        *,
        replaces: StoredObject | None = None,
        opened: Callable[[str], None] = ...,
    ) -> str | None:
        """Copy to a key where nothing stands but `replaces`; returns the copy's `checksum`.

        Does nothing if the same object stands there already. `opened` is called with the id of a
        multipart upload, if the copy takes one. Raises ArtifactArchived, and StorageUnavailable
        if the source or the object under the key has changed.
        """
        ...

    def is_same(self, one: StoredObject, other: StoredObject) -> bool:
        """Whether they are the same bytes; reads them if S3 has nothing to tell it by."""
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
        """Write that the run's results lie under the key; makes the upload's row if need be.

        Raises RunNotFound, and writes nothing, if the run is gone.
        """
        ...
