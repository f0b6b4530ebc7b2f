"""Where the broker is; if nobody says, one line to that effect, on Celery's command line too."""

import sys
from typing import IO, Any

from click import ClickException

from worker import bootstrap
from worker.errors import InvalidSettings
from worker.settings import load_settings


# both bases have a message, and it is the same one
class UnusableSettings(InvalidSettings, ClickException):  # type: ignore[misc]
    """InvalidSettings to a program; to `celery …`, a line to print and an exit code."""

    def __init__(self, error: InvalidSettings) -> None:
        InvalidSettings.__init__(self, error.message)

    def show(self, file: IO[Any] | None = None) -> None:
        print(f"oneprefix: {self}", file=file or sys.stderr)


def broker_url() -> str:
    try:
        return bootstrap.broker_url(load_settings())
    except InvalidSettings as error:
        raise UnusableSettings(error) from None
