"""Orders of messages that are obeyed, as `ONEPREFIX_ORDERS_BY_MESSAGE` has it."""

from worker.use_cases.requests.give_order import GiveOrder, OrderRequests


def obeying(orders: OrderRequests) -> GiveOrder:
    return GiveOrder(orders, lambda _bucket: None, by_message=True)
