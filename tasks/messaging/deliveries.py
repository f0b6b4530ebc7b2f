"""Read what Redis and Valkey keep of messages: those that wait, and those not acknowledged."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import time
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from tasks.messaging.results import stores_results
from tasks.messaging.upload_message import decoded
from worker.errors import BrokerUnavailable
from worker.models.order import OrderMessage
from worker.models.upload_request import UploadMessage
from worker.use_cases.recovery.ports import Delivery

#: Holds the `run_id` of the server that last had these data, which each start makes anew.
MARK = "oneprefix.run_id"
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

    def are_as_marked(self) -> bool:
        with self._channel() as channel:
            return channel is None or channel.client.get(MARK) == _run_id(channel)

    def mark(self) -> None:
        with self._channel() as channel:
            channel.client.set(MARK, _run_id(channel))

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
        except (OperationalError, OSError, RedisError) as error:
            self._give_up()
            raise BrokerUnavailable(str(error)) from error

    def _give_up(self) -> None:
        connection, self._connection, self._kept = self._connection, None, None
        if connection:
            connection.collect()


def _run_id(channel: Any) -> bytes:
    return str(channel.client.info("server")["run_id"]).encode()


def _id_of(entry: bytes) -> str | None:
    """The id of the task's message; None for anything else."""
    with suppress(ValueError, TypeError, LookupError, RecursionError):
        message = json.loads(entry)
        # one that was delivered is kept with its exchange and routing key
        message = message[0] if isinstance(message, list) else message
        return str(message["headers"]["id"])
    return None
