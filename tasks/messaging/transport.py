"""kombu's Redis transport, with checked queue entries and urgent messages.

In kombu 5.7 an entry that is no message raises out of the worker's event loop, which ends the
worker. Some such entries return to the queue, where they would end the next worker.
"""

import logging
from typing import Any

from kombu.transport import redis
from kombu.utils.json import dumps

from tasks.messaging.queue_entry import problem_with
from tasks.messaging.upload_message import URGENT

log = logging.getLogger(__name__)

#: Malformed entries that are kept in `{queue}.malformed` for a person to look at.
KEPT = 1000


class Channel(redis.Channel):
    def _create_client(self, asynchronous: bool = False) -> Any:
        client = super()._create_client(asynchronous)  # type: ignore[misc]  # not in kombu's stubs
        client.set_response_callback("BRPOP", self._checked)
        return client

    def _put(self, queue: str, message: dict[str, Any], **options: Any) -> None:
        if message["properties"].get("priority") != URGENT:
            super()._put(queue, message, **options)
            return
        # without its priority: kombu would give it back to a queue that is looked at last
        plain = message | {"properties": message["properties"] | {"priority": 0}}
        with self.conn_or_acquire() as client:
            client.rpush(queue, dumps(plain))  # the end from which entries are taken

    def _do_restore_message(
        self,
        payload: dict[str, Any],
        exchange: str,
        routing_key: str,
        pipe: Any,
        leftmost: bool = False,  # noqa: ARG002
    ) -> None:
        """Put a message that is given back before all others; kombu would put it behind them."""
        super()._do_restore_message(payload, exchange, routing_key, pipe)  # type: ignore[misc]

    def _checked(self, reply: list[bytes] | None, **_: Any) -> list[bytes] | None:
        """The popped entry; None, as after a time-out, for a malformed one, which is put aside."""
        if not reply:
            return reply
        queue, entry = reply
        problem = problem_with(entry)
        if problem is None:
            return reply
        aside = queue + b".malformed"
        log.error("a malformed entry of queue %r is put aside: %s", queue.decode(), problem)
        with self.conn_or_acquire() as client:
            client.lpush(aside, entry)
            client.ltrim(aside, 0, KEPT - 1)
        return None


class Transport(redis.Transport):
    Channel = Channel
