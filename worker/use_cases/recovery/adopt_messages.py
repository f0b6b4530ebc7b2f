"""Take up messages whose worker died after it took them and before it began.

Redis and Valkey redeliver an unacknowledged message only after the visibility timeout, a day later.
"""

import logging
from dataclasses import dataclass, field

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
    """Tags of unacknowledged messages that were looked at before."""

    def __call__(self) -> int:
        """Look at each unacknowledged message once; return how many were new.

        Each gets the row that its worker would have written; a row that nobody works on is due.
        """
        unacknowledged = self.deliveries.unacknowledged(older_than=self.grace)
        self._seen.intersection_update(each.tag for each in unacknowledged)
        new = [each for each in unacknowledged if each.tag not in self._seen]
        for delivery in new:
            self._adopt(delivery.tag, overdue=delivery.age - self.grace)
            self._seen.add(delivery.tag)
        return len(new)

    def _adopt(self, tag: str, *, overdue: float) -> None:
        """Adopt a message whose worker should have begun `overdue` seconds ago."""
        message = self.deliveries.read(tag)
        if message is None:
            return
        if isinstance(message, OrderMessage):
            self._give(message)
            return
        try:
            request = self.read_message(message)
            self.requests.request(request, published=False)
            if self.outbox.mark_due_if_stuck(request, since=overdue):
                log.info("job %s, run %s: taken and not begun", request.job_id, request.run_id)
        except (InvalidRequest, DatabaseRefused) as error:
            log.warning("message %s asks for nothing: %s", message.task_id, error)

    def _give(self, order: OrderMessage) -> None:
        try:
            self.give_order(order)
        except DatabaseRefused as error:
            log.warning("message %s orders nothing: %s", order.id, error)
