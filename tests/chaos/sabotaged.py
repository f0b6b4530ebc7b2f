"""The worker's app, in which a process dies once, at the moment that ONEPREFIX_DIES_AT names."""

import os
import signal
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from tasks import app, transport
from worker.database.upload_repository import SqlUploadRepository
from worker.storage.results_repository import S3ResultsRepository

__all__ = ["app"]


def _die_once() -> None:
    done = Path(os.environ["ONEPREFIX_DATA_DIR"]).with_name("died")
    try:
        done.touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def _and_die(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def dying(*given: Any, **named: Any) -> Any:
        result = function(*given, **named)
        if result is not None or function.__name__ == "land":
            _die_once()
        return result

    return dying


match os.environ.get("ONEPREFIX_DIES_AT"):
    case "popped":  # by the broker, and in none of its books
        transport.Channel._checked = _and_die(transport.Channel._checked)  # type: ignore[method-assign]
    case "completed":  # the object, but not the row
        S3ResultsRepository.upload = _and_die(S3ResultsRepository.upload)  # type: ignore[method-assign]
    case "recorded":  # the row, but the message is not acknowledged
        SqlUploadRepository.land = _and_die(SqlUploadRepository.land)  # type: ignore[method-assign]
