"""Refuse a broker whose messages are another installation's."""

from contextlib import closing, suppress

from celery import Celery

from tasks.messaging.deliveries import KombuDeliveries
from tasks.services import services
from worker.errors import DatabaseRefused, TransientError


def require_own_broker(app: Celery) -> None:
    """Raise ForeignBroker if another database's workers have marked the broker.

    A database or a broker that does not answer yet is no error: recovery looks again.
    """
    using = services()
    try:
        with suppress(TransientError, DatabaseRefused), closing(KombuDeliveries(app)) as deliveries:
            deliveries.are_as_marked(using.installation_id)
    finally:
        using.engine.dispose()  # before the pool's processes are forked
