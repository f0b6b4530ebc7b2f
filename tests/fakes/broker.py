"""A broker in memory: what was published to it, and what workers have taken from it."""

from dataclasses import dataclass, field

from worker.errors import BrokerUnavailable
from worker.models.order import OrderMessage
from worker.models.upload_request import UploadMessage, UploadRequest
from worker.use_cases.recovery.ports import Delivery


@dataclass
class FakePublisher:
    is_away: bool = False
    published: list[tuple[UploadRequest, bool]] = field(default_factory=list)
    """Each request, and whether it was urgent."""

    def publish(self, request: UploadRequest, *, urgent: bool = False, retries: int = 0) -> bool:
        if not self.is_away:
            self.published.append((request, urgent))
        return not self.is_away


@dataclass
class FakeDeliveries:
    is_away: bool = False
    taken: dict[str, tuple[float, UploadMessage | OrderMessage | None]] = field(
        default_factory=dict
    )
    """By tag: seconds since the message was taken, and its content if it is an upload's."""

    def unacknowledged(self, *, older_than: float) -> list[Delivery]:
        if self.is_away:
            raise BrokerUnavailable("connection refused")
        return [Delivery(tag, age) for tag, (age, _) in self.taken.items() if age >= older_than]

    def read(self, tag: str) -> UploadMessage | OrderMessage | None:
        _, message = self.taken.get(tag, (0.0, None))
        return message
