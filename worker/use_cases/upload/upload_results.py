"""Lands one run's results directory as an archive under its job's prefix.

The steps of an attempt: the archive is prepared, its parts are sent, the row is sealed with what is
about to stand under the key, the object is completed, the row and the run are marked landed. Each
step leaves what the next attempt needs, wherever a worker dies.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from time import perf_counter

from worker.errors import (
    AttemptsExhausted,
    DatabaseUnavailable,
    HandedBack,
    LeftAlone,
    OneprefixError,
    RecordNotWritten,
    RunNotInJob,
    UploadCancelled,
    UploadGivenUp,
)
from worker.models.artifact import Artifact
from worker.models.job import Run
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.measured import Stage
from worker.models.upload import Upload, UploadState
from worker.models.upload_request import UploadRequest
from worker.use_cases.lease import Lease
from worker.use_cases.meter import Meter, Unmetered
from worker.use_cases.ports import JobRepository, RunRepository
from worker.use_cases.requests.ports import RequestRepository
from worker.use_cases.retry_policy import RetryPolicy
from worker.use_cases.upload.caution import Caution, cutbacks
from worker.use_cases.upload.completion import complete
from worker.use_cases.upload.failures import record_failure
from worker.use_cases.upload.large_runs import LargeRuns
from worker.use_cases.upload.leases import Leases
from worker.use_cases.upload.ports import (
    OutgoingArchive,
    Package,
    Packager,
    ResultsStore,
    UploadRepository,
)
from worker.use_cases.upload.sent_progress import SentProgress
from worker.use_cases.upload.settling import Settling

Progress = Callable[[Callable[[], int], int], None]


@dataclass(frozen=True, slots=True)
class UploadResults:
    requests: RequestRepository
    uploads: UploadRepository
    jobs: JobRepository
    runs: RunRepository
    packager: Packager
    results: ResultsStore
    leases: Leases
    large_runs: LargeRuns
    caution: Caution
    settling: Settling
    retry_policy: RetryPolicy
    random: Random
    """Spreads retries."""
    must_stop: Callable[[], bool]
    """Whether this worker is shutting down and hands back what it has not finished."""
    limit_met: Callable[[BaseException], str | None]
    """Which limit of this process an error tells of, if any."""
    on_its_way: Callable[[], int] = int
    """Bytes that this process has sent and that have not arrived yet."""
    cancel_expired: Callable[[], list[Upload]] = list
    """Cancels the uploads that wait and have expired, and returns them."""
    meter: Meter = field(default_factory=Unmetered)

    def __call__(
        self, request: UploadRequest, progress: Progress = lambda _done, _total: None
    ) -> str | None:
        """Land the requested upload, and return the archive's permanent URL.

        Returns None if its results were deleted and no replacement is asked for. Raises LeftAlone
        if another worker holds the upload or it is not yet due, UploadCancelled, PermanentError
        once the row is FAILED, and TransientError to be called again `retry_in` seconds later;
        either has `recorded` False if the row could not be written.

        `progress` is called often, with what tells the bytes sent so far, which takes some system
        calls, and with the bytes of the whole tree.
        """
        upload = self.requests.request(request, published=True)
        if upload.state is UploadState.LANDED:
            return upload.results_url
        if upload.expires_at:
            for expired in self.cancel_expired():
                if (expired.job_id, expired.run_id) == (upload.job_id, upload.run_id):
                    raise _why_not(expired)
        if lease := self.leases.take(upload):
            return self._attempt(lease, progress)
        raise _why_not(upload)

    def _attempt(self, lease: Lease[Upload], progress: Progress) -> str:
        self.meter.began(lease.held)
        try:
            with lease:
                return self._upload(lease, progress)
        except Exception as error:
            failure = record_failure(
                self.uploads,
                lease.held,
                error,
                retry_policy=self.retry_policy,
                random=self.random,
                limit_met=self.limit_met,
            )
            self.meter.failed(failure)
            if failure is error:
                raise
            raise failure from error
        finally:
            self.large_runs.release()
            self.caution.leave()

    def _upload(self, lease: Lease[Upload], progress: Progress) -> str:
        upload = lease.held
        self._require_attempts_left(upload)
        self.caution.enter(upload, lambda: self._require_time(lease))
        prefix, run = self._destination(upload)
        key = prefix.run_results_key(run.id)
        if not self._stands_already(upload, key):
            self._store(lease, prefix, run, progress)
        return self._land(upload, key)

    def _store(self, lease: Lease[Upload], prefix: JobS3Prefix, run: Run, tell: Progress) -> None:
        """Prepare the archive, send its parts, seal the row, complete the object."""
        upload, key = lease.held, prefix.run_results_key(run.id)
        seen = self.settling.seen(upload)
        self.large_runs.require_slot(upload.bytes_total or 0, seen)  # as measured before
        less = cutbacks(upload)
        passed = _stopwatch(self.meter)
        with self.packager.open(upload.path, lease.moved, cutbacks=less) as package:
            self.settling.require_settled(upload, package)
            self.large_runs.require_slot(package.bytes_total, seen)
            progress = SentProgress(package, lease.moved, self.on_its_way)
            lease.progress = lambda: progress.bytes_done
            passed(Stage.MEASURING)
            with self.results.begin(
                prefix,
                run,
                progress.chunks(),
                size_bound=package.size_bound,
                file_count=package.file_count,
                moved=lease.moved,
                sent=progress.sent,
                check=partial(self._check, lease, package, tell),
                resume_id=self._resumable(upload, key, package),
                cutbacks=less,
            ) as sending:
                self._record_opened(upload, key, package, sending)
                artifact = sending.send_parts()
                self.meter.packed(package.archive)
                passed(Stage.SENDING)
                complete(sending, artifact, seal=partial(self._seal, lease, package))
                passed(Stage.COMPLETING)

    def _require_attempts_left(self, upload: Upload) -> None:
        if upload.attempt > self.retry_policy.max_attempts:
            raise AttemptsExhausted(
                f"gave up after {upload.attempt - 1} attempts; the last one's worker died"
            )

    def _destination(self, upload: Upload) -> tuple[JobS3Prefix, Run]:
        """The job's prefix and the run; JobNotFound, RunNotFound or RunNotInJob."""
        job = self.jobs.get(upload.job_id)
        run = self.runs.get(upload.run_id)
        if run.job_id != job.id:
            raise RunNotInJob(f"the run belongs to job {run.job_id}")
        return JobS3Prefix.from_job(job), run

    def _stands_already(self, upload: Upload, key: str) -> bool:
        """Whether an earlier attempt completed the object, and only could not record it."""
        if upload.checksum is None or upload.archive_size is None or upload.s3_key != key:
            return False
        return self.results.holds(
            Artifact(key, upload.archive_size, upload.checksum, upload.sha256)
        )

    def _resumable(self, upload: Upload, key: str, package: Package) -> str | None:
        """The multipart upload that an earlier attempt has begun for this very tree.

        One that was begun for another tree or key is aborted.
        """
        begun_for = upload.s3_key, upload.file_count, upload.bytes_total
        if begun_for == (key, package.file_count, package.bytes_total):
            return upload.multipart_upload_id
        if upload.multipart_upload_id and upload.s3_key:
            self.results.abort(upload.s3_key, upload.multipart_upload_id)
        return None

    def _check(self, lease: Lease[Upload], package: Package, tell: Progress) -> None:
        tell(lease.progress, package.bytes_total)
        self._require_time(lease, package.bytes_total)

    def _require_time(self, lease: Lease[Upload], size: int | None = None) -> None:
        lease.check()
        if self.must_stop():
            raise HandedBack("handed back by a worker that stops", size=size)

    def _record_opened(
        self, upload: Upload, key: str, package: Package, sending: OutgoingArchive
    ) -> None:
        """Record the multipart upload; abort a new one that no row names, or recovery had to."""
        begun = sending.multipart_upload_id
        if begun is None:
            return
        try:
            self.uploads.opened(
                upload,
                multipart_id=begun,
                file_count=package.file_count,
                bytes_total=package.bytes_total,
                s3_key=key,
            )
        except OneprefixError:
            if begun != upload.multipart_upload_id:
                self.results.abort(key, begun)
            raise

    def _seal(self, lease: Lease[Upload], package: Package, artifact: Artifact) -> None:
        """Prove the lease, and record what is about to stand under the key."""
        lease.moved()
        lease.check()
        self.uploads.seal(lease.held, archive=package.archive, artifact=artifact)

    def _land(self, upload: Upload, key: str) -> str:
        url = self.results.url(key)
        passed = _stopwatch(self.meter)
        try:
            seconds = self.uploads.land(upload, results_url=url)
        except DatabaseUnavailable as error:
            raise RecordNotWritten(
                f"{key} is complete, but its row could not be written: {error.message}",
                key=key,
                job_id=upload.job_id,
                run_id=upload.run_id,
            ) from error
        passed(Stage.RECORDING)
        self.meter.landed(seconds)
        return url


def _stopwatch(meter: Meter) -> Callable[[Stage], None]:
    """What tells the meter of a stage that has just been completed, since the one before it."""
    since = perf_counter()

    def passed(stage: Stage) -> None:
        nonlocal since
        now = perf_counter()
        meter.passed(stage, now - since)
        since = now

    return passed


def _why_not(upload: Upload) -> OneprefixError:
    """Why no attempt may begin, as the upload's row tells."""
    told = upload.reason
    match upload.state:
        case UploadState.FAILED:
            why: OneprefixError = UploadGivenUp(told)
        case UploadState.CANCELLED:
            why = UploadCancelled(told)
        case _:
            why = LeftAlone("another worker has the upload, or it is not due yet")
    why.recorded = True
    return why.concerning(job_id=upload.job_id, run_id=upload.run_id)
