"""Records on its row how an attempt has failed: to be retried, postponed, or given up."""

import logging
import traceback
from collections.abc import Callable
from random import Random

from worker.errors import (
    AttemptsExhausted,
    LeaseLost,
    LimitMet,
    OneprefixError,
    PermanentError,
    Postponed,
    ResultsDirectoryMissing,
    TransientError,
)
from worker.models.history import past_attempts
from worker.models.upload import Upload
from worker.models.upload_request import MAX_TEXT
from worker.redaction import redacted
from worker.use_cases.retry_policy import RetryPolicy
from worker.use_cases.upload.ports import UploadRepository

log = logging.getLogger(__name__)


def record_failure(
    uploads: UploadRepository,
    upload: Upload,
    error: Exception,
    *,
    retry_policy: RetryPolicy,
    random: Random,
    limit_met: Callable[[BaseException], str | None],
) -> OneprefixError:
    """Write what became of the failed attempt to its row, and return the error to raise.

    That error has `recorded` False if the row could not be written: the lease then runs out by
    itself, and recovery takes the upload up again. LeaseLost is not recorded, since the row may be
    another worker's; if it is nobody's, it is due at once.

    `limit_met`: which limit of the process the error tells of, if any; the next attempt takes less.
    """
    limit = limit_met(error)
    failure = _named(upload, error, limit)
    if isinstance(failure, LeaseLost):
        _release(uploads, upload)
        return failure
    if _is_last_attempt(upload, failure, retry_policy):
        failure = AttemptsExhausted(
            f"gave up after {upload.attempt} attempts: {failure.message}",
            job_id=failure.job_id,
            run_id=failure.run_id,
        )
    delay = retry_policy.delay(upload.attempt, random)
    try:
        _write(uploads, upload, failure, delay, cut_back=bool(limit))
    except OneprefixError as unwritten:
        log.warning("%s; and it could not be recorded: %s", failure, unwritten)
        return unwritten.concerning(job_id=upload.job_id, run_id=upload.run_id)
    failure.recorded = True
    return failure


def _release(uploads: UploadRepository, upload: Upload) -> None:
    try:
        uploads.release(upload)
    except OneprefixError as error:
        log.warning("%s: its lease has to run out: %s", upload.title, redacted(error))


def _named(upload: Upload, error: Exception, limit: str | None) -> OneprefixError:
    """The error, naming job and run; any error that is not ours becomes a transient one."""
    if limit:
        error = _limit_met(error, limit)
    if isinstance(error, OneprefixError):
        return error.concerning(job_id=upload.job_id, run_id=upload.run_id)
    log.error("job %d, run %d: unexpected error", upload.job_id, upload.run_id, exc_info=error)
    unexpected = TransientError(
        f"unexpected {type(error).__name__}: {error}", job_id=upload.job_id, run_id=upload.run_id
    )
    unexpected.__cause__ = error
    return unexpected


def _limit_met(error: Exception, limit: str) -> LimitMet:
    told = error.message if isinstance(error, OneprefixError) else str(error)
    met = LimitMet(f"the worker met a limit ({told or type(error).__name__}): {limit}")
    met.__cause__ = error
    return met


def _is_last_attempt(upload: Upload, error: OneprefixError, policy: RetryPolicy) -> bool:
    if isinstance(error, Postponed) or not isinstance(error, TransientError):
        return False
    if isinstance(error, ResultsDirectoryMissing) and upload.attempt < policy.max_attempts:
        enough = upload.attempt >= policy.missing_path_attempts
        return enough and _tried_for(upload) >= policy.missing_path_seconds
    return upload.attempt >= policy.max_attempts


def _tried_for(upload: Upload) -> float:
    """Seconds between the first attempt's beginning and this one's, on the database's clock."""
    first = next(past_attempts(upload.history), None)
    return (upload.begun_at - first.begun_at).total_seconds() if first and upload.begun_at else 0.0


def _write(
    uploads: UploadRepository,
    upload: Upload,
    failure: OneprefixError,
    delay: float,
    *,
    cut_back: bool,
) -> None:
    match failure:
        case Postponed():
            uploads.postpone(
                upload, reason=str(failure), delay=failure.retry_in, bytes_total=failure.size
            )
        case TransientError():
            failure.retry_in = delay
            uploads.retry(
                upload,
                error=str(failure),
                delay=delay,
                traceback=_end_of_trace(failure),
                cut_back=cut_back,
            )
        case PermanentError():
            uploads.fail(upload, error=str(failure), traceback=_end_of_trace(failure))


def _end_of_trace(error: OneprefixError) -> str:
    """The end of the traceback, where the cause is: as many characters as a row keeps."""
    return redacted("".join(traceback.format_exception(error)))[-MAX_TEXT:]
