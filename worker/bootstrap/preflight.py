"""Checks a worker's settings before the worker starts."""

from pathlib import Path

from worker.bootstrap.services import Services
from worker.bootstrap.urls import bucket_name
from worker.errors import InvalidSettings
from worker.settings import Settings, env_file, unknown_variables


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
    services = Services(settings)
    _ = services.upload_results, services.results


def surprises() -> list[str]:
    """Say what has a say in a worker that one may not think of, or has none and looks like it."""
    here = Path.cwd()
    told = [f"settings are read from {path} too" for path in [env_file()] if path]
    told += unknown_variables()
    if here == Path(__file__).parents[2]:  # a checkout, whose files are this program's own
        return told
    foreign = [each for name in ("tasks.py", "celeryconfig.py") if (each := here / name).exists()]
    told += [
        f"{each} is not this worker's, and is not read; `celery -A tasks` would take it for it"
        for each in foreign
    ]
    return told
