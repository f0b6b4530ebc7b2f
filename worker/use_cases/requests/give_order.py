"""Give orders about whole jobs: who may write a row gives one, a message rings for it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from worker.errors import InvalidRequest
from worker.models.order import Order, OrderMessage, VerifyOrder, What, named_bucket

NO_AUTHORITY = (
    "a message alone moves and deletes nothing: give the order with `oneprefix orders give`,"
    " tasks.give_order or SQL, or set ONEPREFIX_ORDERS_BY_MESSAGE for the workers"
)


class OrderRequests(Protocol):
    """The orders, each a row of `job_orders` by the id of its message."""

    def find(self, order_id: str) -> Order | None: ...

    def give(self, message: OrderMessage, what: What, *, by: str | None = None) -> Order:
        """The row of the message's order, made now or by an earlier delivery.

        `by`: who gives it; the database adds its role's name where it has roles.
        """
        ...

    def refuse(self, message: OrderMessage, *, reason: str) -> Order:
        """Make a FAILED row for a message that orders nothing, if it has none yet."""
        ...


@dataclass(frozen=True, slots=True)
class GiveOrder:
    """`require_bucket` raises InvalidRequest for a bucket that no order may name.

    `by_message`: whether messages give orders that move or delete. To verify one suffices.
    """

    orders: OrderRequests
    require_bucket: Callable[[Any], None]
    by_message: bool = False

    def __call__(self, message: OrderMessage, *, own: bool = False) -> Order:
        """The message's order; FAILED with the reason if it gives none.

        A message that comes again gives no second one. `own`: this process calls itself.
        """
        if order := self.orders.find(message.id):
            return order
        try:
            what = self._read(message)
            if not own:
                self._require_authority(what)
        except InvalidRequest as error:
            return self.orders.refuse(message, reason=str(error))
        return self.orders.give(message, what)

    def directly(self, order_id: str, kind: str, arguments: dict[str, Any], *, by: str) -> Order:
        """Write the row of an order that this program gives; InvalidRequest if it is none."""
        message = OrderMessage(order_id, kind, (), arguments)
        return self.orders.give(message, self._read(message), by=by)

    def _read(self, message: OrderMessage) -> What:
        what = message.read()
        self.require_bucket(named_bucket(what))
        return what

    def _require_authority(self, what: What) -> None:
        if not (self.by_message or isinstance(what, VerifyOrder)):
            raise InvalidRequest(NO_AUTHORITY)
