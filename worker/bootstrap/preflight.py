"""Checks a worker's settings before the worker starts."""

from worker.bootstrap.services import Services
from worker.bootstrap.urls import bucket_name
from worker.errors import InvalidSettings
from worker.settings import Settings


def require_worker_settings(settings: Settings) -> None:
    """Raise InvalidSettings or StorageRefused if no worker can run with them; never connects.

    Constructing the upload's use case also imports all that an upload needs, before the pool
    processes are forked: each would take a third of a second for the imports.
    """
    bucket_name(settings)
    if not settings.results_roots:
        raise InvalidSettings(
            "ONEPREFIX_RESULTS_ROOTS is not set: no directory that results may be read from"
        )
    _ = Services(settings).upload_results
