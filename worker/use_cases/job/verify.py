"""Compares a job's landed results with the objects in S3; changes nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from worker.errors import ArchiveDamaged, InvalidObjectUrl, RunNotInJob
from worker.models.archive import CheckedArchive
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.upload import Upload, UploadState
from worker.process.parallel import DEFAULT_CONCURRENCY, map_parallel
from worker.use_cases.job.find import missing_because
from worker.use_cases.job.lookup import run_of
from worker.use_cases.job.verification import (
    Judged,
    Verdict,
    Verification,
    VerificationPlan,
    compared,
    strangers,
)
from worker.use_cases.job_objects import JobObjects, PlacedObject
from worker.use_cases.ports import JobRepository, RunRepository
from worker.wording import counted

if TYPE_CHECKING:
    from worker.database.uploads.upload_list import SqlUploadList
    from worker.storage.objects.bucket import Bucket

#: Archives read side by side; each takes some blocks of memory and a processor.
CONCURRENT_READS = 8


@dataclass(frozen=True, slots=True)
class VerifyJob:
    jobs: JobRepository
    runs: RunRepository
    uploads: "SqlUploadList"
    bucket: "Bucket"
    check: Callable[[int, Callable[[int, int], Iterator[bytes]]], CheckedArchive]
    """Checks every member of an archive of that size, as read by ranges; raises ArchiveDamaged."""

    def plan(self, job_id: int, run_id: int | None = None) -> VerificationPlan:
        """The uploads to be compared, of the job or of one run.

        Raises JobNotFound, RunNotFound, RunNotInJob.
        """
        prefix = JobS3Prefix.from_job(self.jobs.get(job_id))
        known = self.runs.of_job(job_id)
        objects = JobObjects.of(prefix, self.bucket, known, self.uploads.uploads(job_id))
        # before the rows, so that an object that lands meanwhile is not reported without a row
        stored = objects.list()
        uploads = {upload.run_id: upload for upload in self.uploads.uploads(job_id)}
        runs = {run.id for run in known} | set(uploads)
        if run_id is not None:
            self._require_run(job_id, run_id, runs)
            runs = {run_id}
            stored = [each for each in stored if run_of(each.stored.key, prefix) == run_id]
        landed = [
            uploads[each]
            for each in sorted(runs)
            if each in uploads and uploads[each].state is UploadState.LANDED
        ]
        waiting = runs - {upload.run_id for upload in landed}
        settled = [self._not_landed(prefix, each, uploads.get(each)) for each in waiting]
        settled += strangers(prefix, stored, uploads)
        return VerificationPlan(prefix, objects, landed, settled)

    def __call__(
        self,
        plan: VerificationPlan,
        *,
        deep: bool = False,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> Verification:
        """Compare; with `deep`, also read every byte of each archive.

        `progress` is called with the numbers of runs done and to be done.
        """
        judged = list(plan.settled)
        judge = partial(self._judged, plan.objects, deep)
        concurrency = CONCURRENT_READS if deep else DEFAULT_CONCURRENCY
        for upload, outcome in map_parallel(plan.landed, judge, concurrency=concurrency):
            if isinstance(outcome, Judged):
                judged.append(outcome)
            else:
                key = plan.prefix.run_results_key(upload.run_id)
                where = plan.objects.bucket_of(key).name
                judged.append(Judged(key, upload.run_id, Verdict.UNREADABLE, str(outcome), where))
            progress(len(judged) - len(plan.settled), len(plan.landed))
        judged.sort(key=lambda each: (each.run_id or 0, each.key))
        return Verification(plan.prefix, judged)

    def _require_run(self, job_id: int, run_id: int, of_job: set[int]) -> None:
        if run_id not in of_job:
            run = self.runs.get(run_id)
            raise RunNotInJob(f"the run belongs to job {run.job_id}", job_id=job_id, run_id=run_id)

    def _judged(self, objects: JobObjects, deep: bool, upload: Upload) -> Judged:
        key = objects.prefix.run_results_key(upload.run_id)
        bucket = objects.bucket_of(key)
        if elsewhere := self._elsewhere(upload.results_url or "", key):
            detail = f"its row names {elsewhere}, not {key}"
            return Judged(key, upload.run_id, Verdict.ELSEWHERE, detail, bucket.name)
        placed = objects.find(key)
        verdict, detail = compared(upload, key, placed.stored if placed else None)
        judged = Judged(key, upload.run_id, verdict, detail, bucket.name)
        if deep and placed and verdict in (Verdict.VERIFIED, Verdict.SIZE_ONLY):
            return self._read(upload, judged, placed)
        return judged

    def _elsewhere(self, url: str, key: str) -> str | None:
        """The object that the URL certainly names, if that has another key."""
        try:
            named = self.bucket.parse(url)
        except InvalidObjectUrl:
            return None  # the same store may have been reached by another endpoint
        return None if named.key == key else str(named)

    def _read(self, upload: Upload, judged: Judged, placed: PlacedObject) -> Judged:
        bucket, found = placed
        if not found.restore_state.is_readable:
            detail = (
                f"its bytes lie in {found.storage_class}; first "
                f"`oneprefix restore {upload.job_id} --days 7`"
            )
            return replace(judged, verdict=Verdict.ARCHIVED, detail=detail)
        try:
            archive = self.check(found.size, partial(bucket.read, found))
        except ArchiveDamaged as error:
            return replace(judged, verdict=Verdict.DAMAGED, detail=error.message)
        if upload.checksum not in (None, archive.checksum):
            detail = f"{archive.checksum} as read, its row says {upload.checksum}"
            return replace(judged, verdict=Verdict.OTHER_CHECKSUM, detail=detail)
        detail = f"every byte of {counted(archive.members, 'member')}"
        return replace(judged, verdict=Verdict.VERIFIED, detail=detail)

    def _not_landed(self, prefix: JobS3Prefix, run_id: int, upload: Upload | None) -> Judged:
        why, key = missing_because(run_id, upload, prefix).why, prefix.run_results_key(run_id)
        return Judged(key, run_id, Verdict.NOT_LANDED, why, self.bucket.name)
