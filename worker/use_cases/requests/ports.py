"""What a request for an upload asks of the database and of the broker."""

from typing import Protocol

from worker.models.upload import Upload
from worker.models.upload_request import Refusal, UploadRequest


class RequestRepository(Protocol):
    """The requests of producers, each a row of `uploads`."""

    def request(self, request: UploadRequest, *, published: bool) -> Upload:
        """Make, renew or leave the run's row, and return it.

        A landed upload is renewed by `replace` alone. An upload under way is renewed by `replace`
        or another path, which takes the lease from its holder. A failed upload that had never
        landed is renewed by any new message. `published` says that the broker has the message.
        """
        ...

    def refuse(self, refusal: Refusal) -> None:
        """Write a FAILED row for a message that makes no request; the run's own upload stays."""
        ...

    def mark_published(self, upload: Upload) -> None:
        """Note on the requested upload's row that the broker has a message for it."""
        ...


class Publisher(Protocol):
    def publish(self, request: UploadRequest, *, urgent: bool = False, retries: int = 0) -> bool:
        """Publish the request's message; True if the broker confirmed it.

        After False the broker may have the message nevertheless. An `urgent` message is delivered
        before those that wait, where the broker allows it. `retries`: attempts before the one that
        it asks for.
        """
        ...
