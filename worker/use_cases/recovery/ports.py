"""What recovery asks of the database, the broker and S3."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol, TypeVar

from worker.models.order import Order, OrderMessage
from worker.models.stored_object import IncompleteUpload
from worker.models.upload import Upload
from worker.models.upload_request import DueMessage, UploadMessage, UploadRequest
from worker.use_cases.requests.ports import Publisher


class Outbox(Protocol):
    """The rows of `uploads` as messages that wait to be published."""

    def due(self) -> list[int]:
        """Ids of rows that nobody works on and whose message is missing, lost or due."""
        ...

    def take(self, row: int, *, task_id: str) -> DueMessage | None:
        """Claim the row's message for publishing; None if the row is not due any more.

        `task_id` becomes the message's id where the row has none yet.
        """
        ...

    def give_back(self, row: int) -> None:
        """Make the row due again, since its message could not be published."""
        ...

    def mark_due_if_stuck(self, request: UploadRequest, *, since: float) -> bool:
        """Make the row due if its delivered message caused no progress within `since` seconds.

        False if somebody works on the upload, or a message was published after that one.
        """
        ...

    def waits_for(self, request: UploadRequest) -> bool:
        """Whether the upload that the message asked for is due, and nobody works on it."""
        ...


class FollowUps(Protocol):
    """What messages want to happen once their upload is over."""

    def due(self) -> list[str]:
        """Ids of messages whose upload is over, and what they want has not begun."""
        ...

    def take(self, task_id: str) -> UploadRequest | None:
        """Claim the message for publishing; None if somebody else has."""
        ...

    def give_back(self, task_id: str) -> None:
        """Make the message due again, since it could not be published."""
        ...


class RecoveryPublisher(Publisher, Protocol):
    def publish_order(self, order: Order) -> bool:
        """Publish the order's own message again; True if the broker confirmed it."""
        ...


class Delivery(NamedTuple):
    """A message that a worker has taken from the broker and not acknowledged yet."""

    tag: str
    age: float
    """Seconds since it was taken."""


class Deliveries(Protocol):
    """The broker's own record of unacknowledged messages. Raises BrokerUnavailable."""

    def unacknowledged(self, *, older_than: float) -> list[Delivery]:
        """The messages taken at least `older_than` seconds ago.

        Empty where the broker redelivers by itself as soon as a worker's connection breaks.
        """
        ...

    def read(self, tag: str) -> UploadMessage | OrderMessage | None:
        """The message; None if it was acknowledged meanwhile or is for another task."""
        ...


class BrokerContents(Protocol):
    """What the broker's queues hold. Raises BrokerUnavailable."""

    def are_as_marked(self, installation: str) -> bool:
        """Whether the server has run, with its data, since the installation last marked them.

        True where the broker keeps messages by itself, and need not be asked. Raises ForeignBroker
        if another installation has marked them.
        """
        ...

    def mark(self, installation: str) -> None:
        """Mark the data as the installation's, and as those of the server that runs now."""
        ...

    def message_ids(self) -> set[str]:
        """The ids of all messages that wait, or were delivered and not acknowledged."""
        ...


class LosableMessages(Protocol):
    """Rows that wait for the message that was published for them."""

    def published(self) -> list[str]:
        """The ids of these messages."""
        ...

    def mark_due(self, task_ids: list[str], *, published_before: float) -> int:
        """Make their rows due, unless published within so many seconds; return how many."""
        ...


Held = TypeVar("Held", Upload, Order)


class LeaseRepository(Protocol[Held]):
    def held_on(self, machine: str) -> list[Held]:
        """The uploads, or orders, whose unexpired lease a process of that machine holds."""
        ...


class Orders(Protocol):
    """Orders about whole jobs."""

    def due(self, limit: int = ...) -> list[str]:
        """Ids of orders that no process carries out, the oldest first."""
        ...

    def unanswered(self) -> list[str]:
        """Ids of orders that are over, and Celery has not been told yet."""
        ...

    def take_answer(self, order_id: str) -> Order | None:
        """Claim the order's message for publishing; None if somebody else has."""
        ...

    def give_back_answer(self, order_id: str) -> None:
        """Make the message due again, since it could not be published."""
        ...


class UploadFinder(Protocol):
    def find(self, job_id: int, run_id: int) -> Upload | None:
        """The run's upload, if anybody asked for one."""
        ...


class MultipartIds(Protocol):
    """The ids of multipart uploads that rows of `uploads` name."""

    def of_ended_uploads(self) -> list[Upload]:
        """Uploads that are over and still name one, unless a copy of their object uses it."""
        ...

    def forget(self, upload: Upload) -> None:
        """Clear the id on the upload's row, if it is still the one in `upload`."""
        ...


class IncompleteUploads(Protocol):
    """S3's incomplete multipart uploads."""

    def list(self) -> Iterator[IncompleteUpload]:
        """Those under jobs' prefixes, as far as the store lists them."""
        ...

    def abort(self, key: str, multipart_id: str) -> bool:
        """Abort the multipart upload; True once S3 does not know it any more."""
        ...
