"""What recovery asks of the database, the broker and S3."""

from collections.abc import Iterator
from typing import Protocol

from worker.models.stored_object import IncompleteUpload
from worker.models.upload import Upload
from worker.models.upload_request import UploadRequest


class Outbox(Protocol):
    """Which uploads need a message."""

    def mark_due_if_stuck(self, request: UploadRequest, *, since: float) -> bool:
        """The request's message was taken and should have led to something `since` seconds ago: if
        it has not, nor another one after it, the row is due again.
        """
        ...


class LeaseRepository(Protocol):
    """The leases that processes hold."""

    def held_on(self, machine: str) -> list[Upload]:
        """The uploads that processes of that machine hold."""
        ...

    def release(self, upload: Upload) -> None:
        """End the lease at once, if it is still this one, since its holder has ended."""
        ...


class OrphanRepository(Protocol):
    """What rows know of multipart uploads."""

    def find(self, job_id: int, run_id: int) -> Upload | None: ...

    def given_up(self) -> list[Upload]:
        """The uploads that are over and still name one that nobody copies their object by."""
        ...

    def forget_multipart(self, upload: Upload) -> None:
        """It is gone."""
        ...


class IncompleteUploads(Protocol):
    def list(self) -> Iterator[IncompleteUpload]:
        """S3's open multipart uploads of ours, as far as it tells."""
        ...

    def abort(self, key: str, multipart_id: str) -> bool:
        """Whether S3 has forgotten it."""
        ...
