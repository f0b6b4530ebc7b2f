"""Whether the settings suffice for a worker, before one starts."""

from worker.bootstrap.services import Services
from worker.bootstrap.urls import bucket_name
from worker.errors import InvalidSettings
from worker.settings import Settings


def require_worker_settings(settings: Settings) -> None:
    """InvalidSettings or StorageRefused unless a worker can work with them; connects to nothing.

    What is forked afterwards has all that an upload takes imported already, which a child would
    need a third of a second for.
    """
    bucket_name(settings)
    if not settings.results_roots:
        raise InvalidSettings(
            "ONEPREFIX_RESULTS_ROOTS is not set: no directory that results may be read from"
        )
    _ = Services(settings).upload_results
