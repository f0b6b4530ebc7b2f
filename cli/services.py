"""The services that a command calls, with their errors reported as its output."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cli.output import reported

if TYPE_CHECKING:
    from worker.bootstrap.services import Services


def require_known(services: "Services", job: int | None) -> None:
    """Raise JobNotFound for a job without a row, of which no row of ours has told anything."""
    if job is not None and not services.upload_list.counts(job):
        services.jobs.require(job)


@contextmanager
def configured_services(as_json: bool) -> "Iterator[Services]":
    """Yield the services that the settings describe; exit with 1 for a OneprefixError."""
    from worker.bootstrap.services import Services  # imports SQLAlchemy: `--help` needs none
    from worker.settings import load_settings

    with reported(as_json):
        yield Services(load_settings())
