"""The worker's app, in which a process dies at the moment that ONEPREFIX_DIES_AT names.

Once; or each time over run 4, at the moments `before the row` and `while packing`.
"""

import os
import signal
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from celery import current_task, platforms

from tasks import app
from tasks.messaging import transport
from worker.database.uploads.attempts import SqlUploadRepository
from worker.database.uploads.requests import SqlRequestRepository
from worker.packaging.package import TreePackager
from worker.use_cases.upload import upload_results
from worker.use_cases.upload.completion import complete

__all__ = ["app"]


def _die_once(process: int) -> None:
    done = Path(os.environ["ONEPREFIX_DATA_DIR"]).with_name("died")
    try:
        done.touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(process, signal.SIGKILL)


def _always_die_over_run_4(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def dying(*given: Any, **named: Any) -> Any:
        if current_task and list(current_task.request.args or ())[1:2] == [4]:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*given, **named)

    return dying


def _and_die(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def dying(*given: Any, **named: Any) -> Any:
        result = function(*given, **named)
        if result is not None or function.__name__ in ("land", "complete"):
            _die_once(os.getpid())
        return result

    return dying


def _before_dying(function: Callable[..., Any]) -> Callable[..., Any]:
    """With the worker's main process, so that nobody puts the message back."""

    @wraps(function)
    def dying(*given: Any, **named: Any) -> Any:
        if current_task:
            _die_once(os.getppid())
            time.sleep(1)  # until this one is killed too
        return function(*given, **named)

    return dying


def _orphaned(function: Callable[..., Any]) -> Callable[..., Any]:
    """With the worker's main process, before this one."""

    @wraps(function)
    def orphaned(*given: Any, **named: Any) -> Any:
        time.sleep(0.5)  # until the others are forked
        _die_once(os.getppid())
        time.sleep(0.5)  # until it has died
        return function(*given, **named)

    return orphaned


match os.environ.get("ONEPREFIX_DIES_AT"):
    case "forked":  # but not yet known to the kernel as one that dies with its parent
        vars(platforms)["set_pdeathsig"] = _orphaned(vars(platforms)["set_pdeathsig"])
    case "popped":  # by the broker, and in none of its books
        transport.Channel._checked = _and_die(transport.Channel._checked)  # type: ignore[method-assign]
    case "taken":  # by a process that has not written its row yet
        SqlRequestRepository.request = _before_dying(SqlRequestRepository.request)  # type: ignore[method-assign]
    case "before the row":
        SqlRequestRepository.request = _always_die_over_run_4(SqlRequestRepository.request)  # type: ignore[method-assign]
    case "while packing":
        TreePackager.open = _always_die_over_run_4(TreePackager.open)  # type: ignore[method-assign]
    case "completed":  # the object, but not the row
        vars(upload_results)["complete"] = _and_die(complete)
    case "recorded":  # the row, but the message is not acknowledged
        SqlUploadRepository.land = _and_die(SqlUploadRepository.land)  # type: ignore[method-assign]
