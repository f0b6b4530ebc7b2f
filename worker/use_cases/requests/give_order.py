"""Keep what an order's message asks for; a message that asks for nothing leaves a FAILED row."""

from dataclasses import dataclass
from typing import Protocol

from worker.errors import InvalidRequest
from worker.models.order import Order, OrderMessage, What


class OrderRequests(Protocol):
    """The orders of producers, each a row of `job_orders` by the id of its message."""

    def give(self, message: OrderMessage, what: What) -> Order:
        """The row of the message's order, made now or by an earlier delivery."""
        ...

    def refuse(self, message: OrderMessage, *, reason: str) -> Order:
        """Make a FAILED row for a message that orders nothing, if it has none yet."""
        ...


@dataclass(frozen=True, slots=True)
class GiveOrder:
    orders: OrderRequests

    def __call__(self, message: OrderMessage) -> Order:
        """The message's order. A message that comes again gives no second one."""
        try:
            what = message.read()
        except InvalidRequest as error:
            return self.orders.refuse(message, reason=str(error))
        return self.orders.give(message, what)
