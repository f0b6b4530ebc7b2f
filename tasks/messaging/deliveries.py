"""Read what Redis and Valkey keep of messages: those that wait, and those not acknowledged."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import time
from typing import Any

from amqp.exceptions import AccessRefused, AMQPError, PreconditionFailed
from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from tasks.messaging.results import stores_results
from tasks.messaging.upload_message import decoded
from worker.doctor.broker import MARK
from worker.errors import BrokerUnavailable, ForeignBroker
from worker.models.order import OrderMessage
from worker.models.upload_request import UploadMessage
from worker.use_cases.recovery.ports import Delivery

log = logging.getLogger("oneprefix.recovery")

#: A queue of RabbitMQ, which nobody uses: its arguments, which can't be changed, hold that id.
MARK_QUEUE = "oneprefix.installation"
#: Messages that are read at a time.
PAGE = 1000


class KombuDeliveries:
    """Messages, as kombu's Redis transport keeps them.

    RabbitMQ redelivers by itself as soon as a connection breaks, and replicates its queues, so it
    has none to look after.
    """

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._connection: Any = None
        self._kept: Any = None
        self._is_marked = False

    def unacknowledged(self, *, older_than: float) -> list[Delivery]:
        now = time()
        with self._channel() as channel:
            if channel is None:
                return []
            taken = channel.client.zrangebyscore(
                channel.unacked_index_key, 0, now - older_than, withscores=True
            )
        return [Delivery(tag.decode(errors="replace"), now - taken_at) for tag, taken_at in taken]

    def read(self, tag: str) -> UploadMessage | OrderMessage | None:
        with self._channel() as channel:
            entry = channel and channel.client.hget(channel.unacked_key, tag)
        return decoded(entry, results=stores_results(self._app)) if entry else None

    def are_as_marked(self, installation: str) -> bool:
        with self._channel() as channel:
            if channel is None:
                self._mark_rabbitmq(installation)
                return True
            marked = (channel.client.get(MARK) or b"").decode(errors="replace")
            run_id, _, owner = marked.partition(" ")
            if owner and owner != installation:
                raise foreign_broker(f"`DEL {MARK}`")
            return bool(owner) and run_id == _run_id(channel)

    def mark(self, installation: str) -> None:
        with self._channel() as channel:
            channel.client.set(MARK, f"{_run_id(channel)} {installation}")

    def _mark_rabbitmq(self, installation: str) -> None:
        """Mark the virtual host as the installation's, once; ForeignBroker if another has."""
        if self._is_marked or self._connection.transport.driver_type != "amqp":
            return
        mark = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": installation}
        with self._app.connection_for_write() as connection, connection.channel() as channel:
            try:
                channel.queue_declare(  # type: ignore[attr-defined]  # of every AMQP channel
                    MARK_QUEUE, durable=True, auto_delete=False, arguments=mark
                )
            except PreconditionFailed:
                raise foreign_broker(f"delete the queue {MARK_QUEUE}") from None
            except AccessRefused as error:
                log.warning("%s: whether the broker is another installation's is not known", error)
        self._is_marked = True

    def message_ids(self) -> set[str]:
        with self._channel() as channel:
            # first those that wait: a worker may take one meanwhile
            entries = [*self._waiting(channel), *channel.client.hvals(channel.unacked_key)]
        return {found for entry in entries if (found := _id_of(entry))}

    def _waiting(self, channel: Any) -> Iterator[bytes]:
        for queue in self._app.amqp.queues:
            for priority in channel.priority_steps:
                name, first = f"{queue}{channel.sep}{priority}" if priority else queue, 0
                # pushes shift what was not read yet to later pages, so that nothing is missed
                while page := channel.client.lrange(name, first, first + PAGE - 1):
                    yield from page
                    first += PAGE

    @contextmanager
    def _channel(self) -> Iterator[Any]:
        """The channel to Redis or Valkey; None where the broker is another one.

        It has a connection of its own: kombu's pool hands out closed ones once one has failed.
        """
        try:
            if self._connection is None:
                self._connection = self._app.connection_for_write()
                if self._connection.transport.driver_type == "redis":
                    self._connection.connect()
                    self._kept = self._connection.channel()
            yield self._kept
        except (OperationalError, OSError, RedisError, AMQPError) as error:
            self.close()
            raise BrokerUnavailable(str(error)) from error

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        connection, self._connection, self._kept = self._connection, None, None
        if connection:
            connection.collect()


def foreign_broker(remedy: str) -> ForeignBroker:
    return ForeignBroker(
        "this broker has the messages of another database: give each database a broker's database,"
        f" or virtual host, of its own in ONEPREFIX_BROKER_URL; or, if that one is gone, {remedy}"
    )


def _run_id(channel: Any) -> str:
    return str(channel.client.info("server")["run_id"])


def _id_of(entry: bytes) -> str | None:
    """The id of the task's message; None for anything else."""
    with suppress(ValueError, TypeError, LookupError, RecursionError):
        message = json.loads(entry)
        # one that was delivered is kept with its exchange and routing key
        message = message[0] if isinstance(message, list) else message
        return str(message["headers"]["id"])
    return None
