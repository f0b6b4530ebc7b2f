"""Publish the messages of orders that are over, so that Celery tells how they ended."""

import logging
from dataclasses import dataclass

from worker.use_cases.recovery.ports import Orders, RecoveryPublisher

log = logging.getLogger("oneprefix.recovery")


@dataclass(frozen=True, slots=True)
class AnswerOrders:
    orders: Orders
    publisher: RecoveryPublisher

    def __call__(self) -> int:
        """Publish what is due; return how many messages.

        Stops at the first message that the broker does not take; the next call tries again.
        """
        published = 0
        for order_id in self.orders.unanswered():
            order = self.orders.take_answer(order_id)
            if order is None:
                continue  # another worker's recovery was first
            if not self.publisher.publish_order(order):
                self.orders.give_back_answer(order_id)
                break
            log.info("%s: %s; message %s is answered", order.title, order.state, order_id)
            published += 1
        return published
