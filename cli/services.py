"""The services that a command calls, with their errors reported as its output."""

from collections.abc import Iterator
from contextlib import contextmanager

from cli.output import reported
from worker.bootstrap.services import Services
from worker.settings import load_settings


@contextmanager
def configured_services(as_json: bool) -> Iterator[Services]:
    """Yield the services that the settings describe; exit with 1 for a OneprefixError."""
    with reported(as_json):
        yield Services(load_settings())
