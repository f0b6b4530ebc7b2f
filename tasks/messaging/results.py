"""Where tasks' results are stored: in the backend that a setting names, or nowhere."""

from typing import Any, NoReturn

from celery import Celery
from celery.backends.base import DisabledBackend

from worker.bootstrap.urls import result_backend
from worker.settings import load_settings

_HOW = "results are not stored: set ONEPREFIX_RESULT_BACKEND for the workers and for this program"


class NoResults(DisabledBackend):
    """Stores nothing, and tells those who ask for a result which setting to make."""

    def ensure_chords_allowed(self) -> NoReturn:
        raise NotImplementedError(f"a chord needs results, and {_HOW}")

    def _is_disabled(self, *_: Any, **__: Any) -> NoReturn:
        raise NotImplementedError(_HOW)

    get_state = get_status = get_result = get_traceback = _is_disabled
    get_task_meta = get_task_meta_for = wait_for = get_many = _is_disabled


def result_backend_url() -> str:
    """The setting's URL, or the path of `NoResults`, as Celery's `result_backend` takes them."""
    return result_backend(load_settings()) or f"{__name__}:{NoResults.__name__}"


def stores_results(app: Celery) -> bool:
    return not isinstance(app.backend, DisabledBackend)
