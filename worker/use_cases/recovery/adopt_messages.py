"""Take up messages whose worker died after it took them and before it began.

Redis and Valkey redeliver an unacknowledged message only after the visibility timeout, a day later.
"""

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime

from worker.errors import DatabaseRefused, InvalidRequest
from worker.models.order import OrderMessage
from worker.use_cases.recovery.ports import Deliveries, Outbox
from worker.use_cases.requests.give_order import GiveOrder
from worker.use_cases.requests.ports import RequestRepository
from worker.use_cases.requests.read_message import ReadMessage

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AdoptMessages:
    """`grace`: seconds that a worker has to begin with a message it took."""

    deliveries: Deliveries
    read_message: ReadMessage
    give_order: GiveOrder
    requests: RequestRepository
    outbox: Outbox
    grace: float
    _seen: set[str] = field(default_factory=set, init=False)
    """Tags of unacknowledged messages that need no further look."""

    def __call__(self) -> int:
        """Look at each unacknowledged message until its row needs it no more; return how many.

        Each gets the row that its worker would have written; a row that nobody works on is due.
        """
        unacknowledged = self.deliveries.unacknowledged(older_than=self.grace)
        self._seen.intersection_update(each.tag for each in unacknowledged)
        new = [each for each in unacknowledged if each.tag not in self._seen]
        for delivery in new:
            if self._adopt(delivery.tag, overdue=delivery.age - self.grace):
                self._seen.add(delivery.tag)
        return len(new)

    def _adopt(self, tag: str, *, overdue: float) -> bool:
        """Adopt a message whose worker should have begun `overdue` seconds ago.

        Returns whether it needs no further look: its row is over or held, or gets a new message.
        """
        message = self.deliveries.read(tag)
        if message is None:
            return True
        if isinstance(message, OrderMessage):
            return self._give(message)
        try:
            request = self.read_message(message)
            self.requests.request(request, published=False)
            if self.outbox.mark_due_if_stuck(request, since=overdue):
                log.info("job %s, run %s: taken and not begun", request.job_id, request.run_id)
                return True
            return not self.outbox.waits_for(request)
        except (InvalidRequest, DatabaseRefused) as error:
            log.warning("message %s asks for nothing: %s", message.task_id, error)
            return True

    def _give(self, order: OrderMessage) -> bool:
        """Give the order, once its time has come; its worker waits for that too."""
        if order.given_at and order.given_at > datetime.now(UTC):
            return False
        try:
            self.give_order(order)
        except DatabaseRefused as error:
            log.warning("message %s orders nothing: %s", order.id, error)
        return True
