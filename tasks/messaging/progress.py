"""Tell Celery's listeners and result backend how far an order is."""

import logging

from celery import Celery
from celery.states import STARTED
from kombu.exceptions import OperationalError

from tasks.messaging.results import stores_results
from worker.models.order import Order
from worker.redaction import redacted

log = logging.getLogger(__name__)


def send_progress(app: Celery, order: Order, done: int, total: int) -> None:
    """Send a `task-progress` event, which Flower and others receive; store it, if results are.

    What can't be sent is no reason to stop the work.
    """
    try:
        with app.events.default_dispatcher() as dispatcher:
            dispatcher.send("task-progress", uuid=order.id, done=done, total=total)
        if stores_results(app):
            app.backend.store_result(order.id, {"done": done, "total": total}, STARTED)
    except (OperationalError, OSError) as error:
        log.warning("%s: no progress is told: %s", order.title, redacted(error))
    except Exception as error:  # noqa: BLE001  each backend has its own
        log.warning("%s: no progress to the result backend: %s", order.title, redacted(error))
