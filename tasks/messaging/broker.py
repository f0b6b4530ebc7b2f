"""Find the broker, and choose how this process speaks to it."""

import socket
import sys
from typing import IO, Any

from click import ClickException
from kombu.transport import TRANSPORT_ALIASES

from worker.bootstrap import urls
from worker.errors import InvalidSettings
from worker.printable import printable
from worker.settings import load_settings

#: Has the kernel give up a connection whose peer acknowledges nothing for some 10 seconds. Not all
#: systems have all of these options.
KEEPALIVE = {
    getattr(socket, name): value
    for name, value in (
        ("TCP_KEEPIDLE", 5),
        ("TCP_KEEPINTVL", 5),
        ("TCP_KEEPCNT", 2),
        ("TCP_USER_TIMEOUT", 10_000),  # milliseconds
    )
    if hasattr(socket, name)
}


# both bases have a message, and it is the same one
class UnusableSettings(InvalidSettings, ClickException):  # type: ignore[misc]
    """InvalidSettings to a program; to `celery …`, a line to print and an exit code."""

    def __init__(self, error: InvalidSettings) -> None:
        InvalidSettings.__init__(self, error.message)

    def show(self, file: IO[Any] | None = None) -> None:
        print(printable(f"oneprefix: {self}"), file=file or sys.stderr)


def broker_url() -> str:
    """The broker's URL; UnusableSettings if no setting names one and none was started here."""
    try:
        return urls.broker_url(load_settings())
    except InvalidSettings as error:
        raise UnusableSettings(error) from None


def use_own_transport() -> None:
    """Have this process reach Redis, Valkey and RabbitMQ by our own transports."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = "tasks.messaging.transport:Transport"
    for scheme in ("amqp", "pyamqp"):
        TRANSPORT_ALIASES[scheme] = "tasks.messaging.rabbitmq_transport:Transport"
    TRANSPORT_ALIASES["amqps"] = "tasks.messaging.rabbitmq_transport:SSLTransport"
