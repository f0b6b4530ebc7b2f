"""kombu's Redis transport, with checked entries and urgent messages.

In kombu 5.7 an entry or a broadcast that is no message raises out of the worker's event loop, which
ends the worker. Some such entries return to the queue, where they would end the next worker.
"""

import logging
from typing import Any

from kombu.transport import redis, virtual
from kombu.utils.json import dumps
from redis.exceptions import RedisError, ResponseError

from tasks.messaging.queue_entry import (
    problem_with,
    problem_with_delivery,
    problem_with_envelope,
)
from tasks.messaging.upload_message import URGENT, delivery_of
from worker.process.child_process import start_with

log = logging.getLogger(__name__)

#: Malformed entries that are kept in `{queue}.malformed` for a person to look at, and the bytes of
#: each, together 8 MiB at most.
KEPT, KEPT_BYTES = 1000, 8 * 1024
#: How the names of remote control's queues end; their entries are no tasks.
REMOTE_CONTROL = b".pidbox"


class QoS(redis.QoS):
    channel: "Channel"

    def append(self, message: Any, delivery_tag: Any) -> None:
        """Have the broker note what was delivered; if it can't, the message gets its row at once.

        A broker that is full, or has become a replica, has given the message away and takes no
        note. The worker does the task nevertheless.
        """
        try:
            super().append(message, delivery_tag)
        except (RedisError, OSError) as error:
            log.error("message %s is not noted by the broker: %s", message.properties, error)  # noqa: TRY400
            start_with(delivery_of(message), "tasks.keep")
            if not isinstance(error, ResponseError):
                raise  # the connection is gone, and with it what this worker took
            virtual.QoS.append(self, message, delivery_tag)

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        """Give an unacknowledged delivery back, unless it is none that kombu could read."""
        with self.channel.conn_or_acquire(client) as connection:
            delivery = connection.hget(self.unacked_key, tag)
            problem = problem_with_delivery(delivery) if delivery else None
            if problem:
                self.channel.put_aside(self.unacked_key.encode(), delivery, problem)
                self.ack(tag)
            else:
                super().restore_by_tag(tag, connection, leftmost)


class Channel(redis.Channel):
    QoS = QoS

    def put_aside(self, name: bytes, entry: bytes, problem: str) -> None:
        """Keep the beginning of a malformed entry, and log the reason in one line."""
        queue = name.split(self.sep.encode())[0]  # without the priority
        log.error("a malformed entry of %r is put aside: %s", queue.decode(), problem)
        aside = queue + b".malformed"
        try:
            with self.conn_or_acquire() as client:
                client.lpush(aside, entry[:KEPT_BYTES])
                client.ltrim(aside, 0, KEPT - 1)
        except ResponseError as error:  # it is full, or something else has that key
            log.error("it could not be kept in %r: %s", aside.decode(), error)  # noqa: TRY400

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
        is_task = not queue.endswith(REMOTE_CONTROL)
        problem = problem_with(entry) if is_task else problem_with_envelope(entry)
        if problem is None:
            return reply
        self.put_aside(queue, entry, problem)
        return None

    def _handle_message(self, client: Any, r: Any) -> dict[str, Any]:
        """What a subscription received; a malformed broadcast becomes an empty one."""
        received: dict[str, Any] = super()._handle_message(client, r)  # type: ignore[misc]
        if received["type"].endswith(b"message"):
            problem = problem_with_envelope(received["data"])
            if problem:
                where = received["channel"].decode(errors="replace")
                log.error("a malformed broadcast on %r is ignored: %s", where, problem)
                received["data"] = None
        return received


class Transport(redis.Transport):
    Channel = Channel
