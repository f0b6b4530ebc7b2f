"""kombu's RabbitMQ transport, which also delivers messages with names that are no UTF-8.

In py-amqp 5.3 such a name raises out of the worker's event loop, which ends the worker, and
RabbitMQ gives the message to the next one. Once delivered, the check of messages rejects it.
"""

import logging
from typing import Any

from amqp import serialization
from amqp.spec import Basic
from kombu.transport import pyamqp

log = logging.getLogger(__name__)

_decode: Any = serialization.PROPERTY_CLASSES[Basic.CLASS_ID]


def tolerate_unreadable_properties() -> None:
    """Have this process read a message whose properties can't be read as one without any."""
    decoders: dict[int, Any] = serialization.PROPERTY_CLASSES
    decoders[Basic.CLASS_ID] = _tolerant


def _tolerant(buffer: bytes, offset: int) -> Any:
    try:
        return _decode(buffer, offset)
    except Exception as error:  # noqa: BLE001  texts, times, numbers and tables fail in many ways
        log.error("a message's properties can't be read: %.200r", error)  # noqa: TRY400
        return {}, len(buffer)


def readable(delivery: bytes) -> bytes:
    """The arguments of a `basic.deliver` with question marks for what is not ASCII in its names.

    They are the ids of class and method, consumer tag, delivery tag, a bit, exchange, routing key.
    """
    tag_end = 5 + delivery[4]
    exchange = tag_end + 8 + 1
    key = exchange + 1 + delivery[exchange]
    names = _ascii(delivery[exchange + 1 : key]), _ascii(delivery[key + 1 :])
    return delivery[: exchange + 1] + names[0] + delivery[key : key + 1] + names[1]


def _ascii(name: bytes) -> bytes:
    return bytes(byte if byte < 128 else ord("?") for byte in name)


class Channel(pyamqp.Channel):
    def dispatch_method(self, method_sig: Any, payload: Any, content: Any) -> Any:
        if method_sig == Basic.Deliver:
            payload = readable(bytes(payload))
        return super().dispatch_method(method_sig, payload, content)


class Connection(pyamqp.Connection):
    Channel = Channel


class Transport(pyamqp.Transport):
    Connection = Connection


class SSLTransport(pyamqp.SSLTransport):
    Connection = Connection
