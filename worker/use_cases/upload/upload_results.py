"""Lands one run's results directory as an archive under its job's prefix."""

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from time import monotonic

from worker.errors import (
    AttemptsExhausted,
    DatabaseUnavailable,
    LeaseLost,
    MustWait,
    OneprefixError,
    PermanentError,
    Postponed,
    RecordNotWritten,
    ResultsDirectoryMissing,
    RunNotInJob,
    TransientError,
)
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.upload import Upload, UploadState
from worker.models.upload_request import MAX_TEXT, UploadRequest
from worker.redaction import redacted
from worker.use_cases.ports import JobRepository, RunRepository
from worker.use_cases.upload.lease import Heartbeat
from worker.use_cases.upload.leased_attempt import LeasedAttempt
from worker.use_cases.upload.ports import (
    Package,
    Packager,
    RequestRepository,
    ResultsRepository,
    Semaphore,
    UploadRepository,
)
from worker.use_cases.upload.retry_policy import RetryPolicy

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UploadResults:
    """The use case with its collaborators.

    `owner` names this process on the leases it takes, and `has_ended` tells of a process so named
    that it holds its lease no more. `lease` and `stall` are in seconds, see `Heartbeat`, as is
    `abandon`. A run of `large` bytes or more needs one of the `large_runs`, so that small
    runs always find a process. Once it `must_stop`, an attempt is handed back.
    """

    requests: RequestRepository
    uploads: UploadRepository
    jobs: JobRepository
    runs: RunRepository
    packager: Packager
    results: ResultsRepository
    retry_policy: RetryPolicy
    random: Random
    large_runs: Semaphore
    large: int
    owner: str
    has_ended: Callable[[str], bool]
    must_stop: Callable[[], bool]
    lease: float
    stall: float
    abandon: Callable[[], None]

    def __call__(self, request: UploadRequest) -> str | None:
        """The archive's location; None if another worker has the upload, it is not yet due, or its
        results were deleted and nobody asks for a replacement.

        Raises PermanentError once the row is FAILED, and TransientError to be asked again
        `retry_in` seconds later; either with `recorded` false if the row could not be told.
        """
        upload = self.requests.request(request, published=True)
        if upload.state is UploadState.LANDED:
            return upload.results_url
        if upload.state is UploadState.UPLOADING and self.has_ended(upload.owner or ""):
            self.uploads.release(upload)
        asked_at = monotonic()
        claimed = self.uploads.claim(
            request.job_id, request.run_id, owner=self.owner, lease=self.lease
        )
        return self._attempt(claimed, asked_at) if claimed else None

    def _attempt(self, upload: Upload, asked_at: float) -> str:
        def renew(bytes_done: int) -> None:
            self.uploads.renew(upload, lease=self.lease, bytes_done=bytes_done)

        try:
            with Heartbeat(
                renew, lease=self.lease, since=asked_at, stall=self.stall, abandon=self.abandon
            ) as heartbeat:
                return self._land(upload, heartbeat)
        except OneprefixError as error:
            recorded = self._recorded(
                upload, error.concerning(job_id=upload.job_id, run_id=upload.run_id)
            )
            if recorded is error:
                raise
            raise recorded from error
        except Exception as error:  # a fault of ours must end on the row too, and be retried
            log.exception("job %d, run %d: unexpected error", upload.job_id, upload.run_id)
            unexpected = TransientError(
                f"unexpected {type(error).__name__}: {error}",
                job_id=upload.job_id,
                run_id=upload.run_id,
            )
            raise self._recorded(upload, unexpected) from error
        finally:
            self.large_runs.release()

    def _land(self, upload: Upload, heartbeat: Heartbeat) -> str:
        if upload.attempt > self.retry_policy.max_attempts:
            raise AttemptsExhausted(
                f"gave up after {upload.attempt - 1} attempts; the last one's worker died"
            )
        job = self.jobs.get(upload.job_id)
        run = self.runs.get(upload.run_id)
        if run.job_id != job.id:
            raise RunNotInJob(f"the run belongs to job {run.job_id}")
        prefix = JobS3Prefix.from_job(job)
        key = prefix.run_results_key(run.id)
        if not self._stands(upload, key):
            self._require_place(upload.bytes_total or 0)  # as an earlier attempt measured it
            with self.packager.open(upload.path, heartbeat.moved) as package:
                self._require_place(package.bytes_total)
                heartbeat.progress = lambda: package.bytes_done
                attempt = LeasedAttempt(
                    self.uploads, upload, heartbeat, package, key, self.must_stop
                )
                begun = self._to_go_on_with(upload, package, key)
                self.results.upload(prefix, run, package, attempt, begun)
        return self._record(upload, key)

    def _to_go_on_with(self, upload: Upload, package: Package, key: str) -> str | None:
        """The multipart upload that an earlier attempt began, unless the tree is another by now."""
        tree_then = upload.file_count, upload.bytes_total
        if upload.s3_key == key and tree_then == (package.file_count, package.bytes_total):
            return upload.multipart_upload_id
        self._forget_begun(upload)
        return None

    def _forget_begun(self, upload: Upload) -> None:
        if upload.multipart_upload_id and upload.s3_key:
            self.results.abort(upload.s3_key, upload.multipart_upload_id)

    def _require_place(self, size: int) -> None:
        if size >= self.large and not self.large_runs.acquire():
            raise MustWait(
                "waits for its turn: as many large runs as may be at once are packed", size=size
            )

    def _stands(self, upload: Upload, key: str) -> bool:
        """Whether an earlier attempt completed the object and only could not say so."""
        if upload.checksum is None or upload.archive_size is None:
            return False
        return upload.s3_key == key and self.results.holds(
            key, size=upload.archive_size, checksum=upload.checksum, sha256=upload.sha256
        )

    def _record(self, upload: Upload, key: str) -> str:
        url = self.results.url(key)
        try:
            self.uploads.land(upload, results_url=url)
        except DatabaseUnavailable as error:
            raise RecordNotWritten(
                f"{key} is complete, but its row could not be written: {error.message}",
                key=key,
                job_id=upload.job_id,
                run_id=upload.run_id,
            ) from error
        return url

    def _recorded(self, upload: Upload, error: OneprefixError) -> OneprefixError:
        """The error to raise, once the row says what became of the attempt."""
        if isinstance(error, LeaseLost):
            return error
        if self._is_last_attempt(upload, error):
            error = AttemptsExhausted(
                f"gave up after {upload.attempt} attempts: {error.message}",
                job_id=error.job_id,
                run_id=error.run_id,
            )
        try:
            self._write_down(upload, error)
        except OneprefixError as unwritten:
            # The lease runs out by itself, and recovery takes the upload up again
            log.warning("%s; and it could not be recorded: %s", error, unwritten)
            return unwritten.concerning(job_id=upload.job_id, run_id=upload.run_id)
        error.recorded = True
        return error

    def _write_down(self, upload: Upload, error: OneprefixError) -> None:
        if isinstance(error, PermanentError):
            self.uploads.fail(upload, error=str(error), traceback=_traceback(error))
        elif isinstance(error, Postponed):
            self.uploads.postpone(
                upload, reason=str(error), delay=error.retry_in, bytes_total=error.size
            )
        elif isinstance(error, TransientError):
            delay = self.retry_policy.delay(upload.attempt, self.random)
            self.uploads.retry(upload, error=str(error), delay=delay, traceback=_traceback(error))
            error.retry_in = delay

    def _is_last_attempt(self, upload: Upload, error: OneprefixError) -> bool:
        if isinstance(error, Postponed) or not isinstance(error, TransientError):
            return False
        if isinstance(error, ResultsDirectoryMissing):
            return upload.attempt >= self.retry_policy.missing_path_attempts
        return upload.attempt >= self.retry_policy.max_attempts


def _traceback(error: OneprefixError) -> str:
    """As much of its end, where the cause is, as a row keeps."""
    return redacted("".join(traceback.format_exception(error)))[-MAX_TEXT:]
