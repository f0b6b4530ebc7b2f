"""Where the broker is, and how it is spoken to.

If nobody says where, one line to that effect, on Celery's command line too.
"""

import sys
from typing import IO, Any

from click import ClickException
from kombu.transport import TRANSPORT_ALIASES

from worker.bootstrap import urls
from worker.errors import InvalidSettings
from worker.settings import load_settings

#: A message's priority that puts it before all others, as RabbitMQ's quorum queues do from 5 on.
#: (kombu's Redis transport has it the other way round, and none before the default, 0.)
URGENT = 9


# both bases have a message, and it is the same one
class UnusableSettings(InvalidSettings, ClickException):  # type: ignore[misc]
    """InvalidSettings to a program; to `celery …`, a line to print and an exit code."""

    def __init__(self, error: InvalidSettings) -> None:
        InvalidSettings.__init__(self, error.message)

    def show(self, file: IO[Any] | None = None) -> None:
        print(f"oneprefix: {self}", file=file or sys.stderr)


def broker_url() -> str:
    try:
        return urls.broker_url(load_settings())
    except InvalidSettings as error:
        raise UnusableSettings(error) from None


def use_own_transport() -> None:
    """In this process, for whichever Redis or Valkey."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = "tasks.transport:Transport"
