"""Read the hash in which Redis and Valkey keep what was delivered and not acknowledged."""

from collections.abc import Iterator
from contextlib import contextmanager
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


class KombuDeliveries:
    """Unacknowledged messages, as kombu's Redis transport keeps them.

    RabbitMQ redelivers by itself as soon as a connection breaks, so it has none to look after.
    """

    def __init__(self, app: Celery) -> None:
        self._app = app

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

    @contextmanager
    def _channel(self) -> Iterator[Any]:
        """A channel to Redis or Valkey; None where the broker is another one."""
        try:
            with self._app.connection_or_acquire() as connection:
                if connection.transport.driver_type != "redis":
                    yield None
                    return
                with connection.channel() as channel:
                    yield channel
        except (OperationalError, OSError, RedisError) as error:
            raise BrokerUnavailable(str(error)) from error
