"""The task that lands one run's results."""

import logging
from collections.abc import Callable
from math import inf
from pathlib import PurePath
from time import monotonic
from typing import Any

from celery import Task
from celery.exceptions import Ignore, Retry
from celery.states import STARTED

from tasks.app import app
from tasks.messaging.come_back import come_back
from tasks.messaging.follow_up import follow_up_of
from tasks.messaging.results import stores_results
from tasks.messaging.upload_message import TASK, title_of
from tasks.services import services
from worker.errors import (
    InvalidRequest,
    LeaseLost,
    LeftAlone,
    LimitMet,
    OneprefixError,
    PermanentError,
    TransientError,
    UploadCancelled,
)
from worker.models.upload_request import UploadMessage
from worker.process.limits import limit_met
from worker.redaction import redacted
from worker.use_cases.upload.upload_results import Progress

log = logging.getLogger(__name__)

#: Seconds between two tellings of an upload's progress to a result backend.
TELL_EVERY = 2.0


class UploadTask(Task):  # type: ignore[type-arg]  # not generic at run time
    """A task whose message leaves a row even if its arguments are wrong.

    What its message wants to follow (callbacks, a chain, a chord, a result) is kept with the row,
    and is noted as answered once Celery has started it.
    """

    Request = "tasks.worker_process.request:Request"

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        if self.request.called_directly:
            return super().__call__(*arguments, **keywords)
        return _land(self, arguments, keywords)

    def apply_async(self, args: Any = None, kwargs: Any = None, *more: Any, **options: Any) -> Any:
        countdown = options.get("countdown")
        if not isinstance(countdown, float | int | None):
            raise InvalidRequest(f"countdown is {countdown!r}, no number of seconds")
        return super().apply_async(*_plain(args, kwargs), *more, **options)

    def signature(self, args: Any = None, kwargs: Any = None, *more: Any, **options: Any) -> Any:
        return super().signature(*_plain(args, kwargs), *more, **options)

    def on_success(self, *_: Any) -> None:
        self.note_answered()

    def on_failure(self, error: Exception, *_: Any) -> None:
        if isinstance(error, PermanentError):  # not if the process died: the upload goes on then
            self.note_answered()

    def note_answered(self) -> None:
        if _follow_up(self):
            try:
                services().follow_ups.answered(str(self.request.id))
            except OneprefixError as error:
                log.warning("%s; message %s may be answered again", error, self.request.id)


def _plain(arguments: Any, keywords: Any) -> tuple[Any, Any]:
    """Arguments that JSON can hold: paths as texts."""

    def text(value: Any) -> Any:
        return str(value) if isinstance(value, PurePath) else value

    named = {name: text(value) for name, value in (keywords or {}).items()}
    return tuple(map(text, arguments or ())), named


@app.task(name=TASK, bind=True, base=UploadTask, max_retries=None, throws=(PermanentError,))
def package_and_upload(
    self: UploadTask, job_id: int, run_id: int, path: str | PurePath, replace: bool = False
) -> str | None:
    """Land the run's results under its job's prefix, and return their location.

    Returns None if its results were deleted, or if another worker has the upload and nothing is to
    follow. RETRY: the row tells when the upload is due, or what follows waits for another message's
    attempt; recovery publishes the message again then. FAILURE: the row tells why.
    """
    return _land(self, (job_id, run_id, path, replace), {})


def _land(task: UploadTask, arguments: Any, keywords: Any) -> str | None:
    task.request.shadow = title_of(repr(arguments), repr(keywords))  # for Celery's log
    follow_up = _follow_up(task)
    message = UploadMessage.of(
        task.request.id,
        arguments,
        keywords,
        eta=task.request.eta,
        expires=task.request.expires,
        follow_up=follow_up,
        problem=_problem(task),
    )
    try:
        return _outcome(task, message)
    except (LeaseLost, LeftAlone) as error:
        log.warning("%s", error)
        if follow_up:
            raise Retry(f"{error}; what follows waits until it is over", exc=error) from error
        return None
    except UploadCancelled as error:
        task.backend.mark_as_revoked(str(task.request.id), str(error), request=task.request)
        task.note_answered()
        task.send_event("task-revoked", terminated=False, signum=None, expired=False)
        raise Ignore(str(error)) from error
    except OneprefixError as error:
        if not error.recorded:
            raise come_back(task, error) from error
        error.args = (str(error),)  # what a result backend keeps
        if isinstance(error, TransientError):
            raise Retry(exc=error, when=error.retry_in) from error  # type: ignore[arg-type]  # Real
        raise
    except Exception as error:
        if limit := limit_met(error):  # Celery would end the whole worker over a MemoryError
            raise come_back(task, LimitMet(f"the worker met a limit: {limit}")) from error
        raise


def _outcome(task: UploadTask, message: UploadMessage) -> str | None:
    """The location once the upload has landed; if something follows, only to one worker."""
    using = services()
    request = using.read_message(message)
    try:
        location = using.upload_results(request, _progress(task))
    except PermanentError as error:
        if error.recorded and message.follow_up:
            _begin_answer(task)
        raise
    if message.follow_up:
        _begin_answer(task)
    return location


def _follow_up(task: UploadTask) -> str | None:
    return follow_up_of(vars(task.request), results=stores_results(app))


def _problem(task: UploadTask) -> str | None:
    """Why Celery could not do what the message wants to follow."""
    if task.request.chord and not stores_results(app):
        return "a chord needs results: set ONEPREFIX_RESULT_BACKEND for the workers"
    return None


def _begin_answer(task: UploadTask) -> None:
    """Let Celery start what follows, unless it was started for the same message before."""
    if not services().follow_ups.claim(str(task.request.id)):
        raise Ignore("what follows was started already")


def _progress(task: UploadTask) -> Progress:
    """What tells a result backend, every few seconds, how many bytes have been sent."""
    if not stores_results(app) or task.request.ignore_result:
        return lambda _done, _total: None
    told_at = -inf

    def tell(done: Callable[[], int], total: int) -> None:
        nonlocal told_at
        if monotonic() - told_at < TELL_EVERY:
            return
        told_at = monotonic()
        meta = {"bytes_done": done(), "bytes_total": total}
        try:
            task.update_state(state=STARTED, meta=meta)
        except Exception as error:  # noqa: BLE001  each backend has its own
            log.warning("no progress to the result backend: %s", redacted(error))

    return tell
