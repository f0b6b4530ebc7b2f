"""Celery's consumer, which checks what the broker delivers before anything acts on it."""

import logging
from collections.abc import Callable
from functools import partial
from time import monotonic, sleep
from typing import Any

from celery import Celery
from celery.worker.consumer import Consumer as CeleryConsumer
from celery.worker.state import maybe_shutdown
from kombu import Message

from tasks.messaging.compression import refuse_compression
from tasks.messaging.publisher import INSTALLATION
from tasks.messaging.queue_entry import problem_with_message
from tasks.messaging.rabbitmq_transport import tolerate_unreadable_properties
from tasks.messaging.remote_control import REVOKE_ONLY, Node
from tasks.services import services
from worker.settings import load_settings

log = logging.getLogger(__name__)

#: Seconds between two tries of a broker that refuses.
LONGEST_PAUSE = 15.0


class Consumer(CeleryConsumer):
    """Takes messages from any broker, however the worker is started.

    Workers neither gossip nor mingle: uploads need neither, and both trust whatever is broadcast.
    """

    connection_errors: tuple[type[Exception], ...]
    channel_errors: tuple[type[Exception], ...]
    _paused_until = _next_pause = 0.0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        tolerate_unreadable_properties()
        refuse_compression()
        _set_remote_control(options["app"])
        quiet = {"without_gossip": True, "without_mingle": True}
        super().__init__(*arguments, **options | quiet)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        super().on_connection_error_after_connected(exc)
        if isinstance(exc, self.channel_errors):  # connecting again works, and changes nothing
            self._pause()

    def _pause(self) -> None:
        """Wait, longer each time that the broker refuses; a signal to stop is heard meanwhile."""
        now = monotonic()
        is_new = now - self._paused_until > LONGEST_PAUSE
        self._next_pause = 1.0 if is_new else min(2 * self._next_pause, LONGEST_PAUSE)
        self._paused_until = now + self._next_pause
        while monotonic() < self._paused_until:
            maybe_shutdown()
            sleep(0.2)

    def create_task_handler(self, *arguments: Any, **options: Any) -> Callable[[Message], None]:
        handle = super().create_task_handler(*arguments, **options)

        def on_task_received(message: Message) -> None:
            problem = problem_with_message(message)
            if problem:
                self._reject(message, problem)
            elif _is_foreign(message):
                self._reject(message, "it rings for a row of another database", kind="foreign")
            else:
                handle(message)

        return on_task_received

    def on_decode_error(self, message: Message, exc: Exception) -> None:
        self._reject(message, f"it can't be read: {exc}")

    def _reject(self, message: Message, problem: str, kind: str = "malformed") -> None:
        """Have the broker drop the message, or pass it to its dead-letter exchange."""
        origin = (message.delivery_info or {}).get("routing_key")
        log.error("a %s message to %r is rejected: %.500s", kind, origin, problem)
        if not _is_acknowledged_at_once(message):
            message.reject_log_error(log, self.connection_errors)


def _is_foreign(message: Message) -> bool:
    """Whether its producer, which knows its database, has named the broker of another one."""
    ours, theirs = services().known_installation_id, message.headers.get(INSTALLATION)
    return bool(ours and theirs and ours != theirs)


def _is_acknowledged_at_once(message: Message) -> bool:
    """Whether it is remote control's, which RabbitMQ lets nobody reject."""
    channel: Any = message.channel
    return message.delivery_info.get("consumer_tag") in (channel.no_ack_consumers or ())


def _set_remote_control(app: Celery) -> None:
    chosen = load_settings().remote_control
    app.conf.worker_enable_remote_control = chosen != "off"
    allowed = None if chosen == "all" else REVOKE_ONLY
    control: Any = app.control  # its stub lacks the mailbox
    control.mailbox.node_cls = partial(Node, allowed=allowed)
