"""Celery's events, which Flower shows, sent in a way that holds no worker up."""

from typing import Any

from celery.app.events import Events as CeleryEvents
from celery.events.dispatcher import EventDispatcher


class Dispatcher(EventDispatcher):
    """Tries each event once, and keeps what it could not send for the next connection.

    Celery's own retries a heartbeat for as long as the broker does not answer, and the worker
    hears no signal meanwhile.
    """

    def send(self, *arguments: Any, **fields: Any) -> Any:
        return super().send(*arguments, **fields | {"retry": False})


class Events(CeleryEvents):
    dispatcher_cls = f"{__name__}:Dispatcher"
