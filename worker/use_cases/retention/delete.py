"""Deletes everything under a job's prefix for good, and keeps an audit record of the deletion."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING

from worker.errors import InvalidRequest, JobNotFound, OneprefixError
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.order import Order
from worker.models.retention import Deletion, Relocation, deletion_reason
from worker.models.stored_object import IncompleteUpload, ObjectVersion
from worker.process.parallel import DEFAULT_CONCURRENCY, map_parallel
from worker.use_cases.job_objects import JobObjects
from worker.use_cases.ports import JobRepository, RunRepository
from worker.use_cases.retention.outcome import Outcome

if TYPE_CHECKING:
    from worker.database.deletions import SqlDeletionRepository
    from worker.database.result_locations import SqlResultLocations
    from worker.database.uploads.upload_list import SqlUploadList
    from worker.storage.manage.versions import S3ObjectVersions
    from worker.storage.objects.bucket import Bucket

#: Objects that one request can delete.
#: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
MAX_BATCH = 1000


@dataclass(frozen=True, slots=True)
class DeleteJob:
    jobs: JobRepository
    runs: RunRepository
    uploads: "SqlUploadList"
    bucket: "Bucket"
    versions: "S3ObjectVersions"
    deletions: "SqlDeletionRepository"
    locations: "SqlResultLocations"

    def plan(self, job_id: int, *, since: float | None = None) -> Deletion:
        """`since`: the monotonic time at which the order was given, or now; what is younger stays.

        Raises JobNotFound; `plan_prefix` is for what is left of a job without a row.
        """
        since = monotonic() if since is None else since
        return self._planned(JobS3Prefix.from_job(self.jobs.get(job_id)), since)

    def plan_prefix(self, text: str, *, since: float | None = None) -> Deletion:
        """As `plan`, of the job that the prefix names, whether it still has a row or not.

        Raises InvalidRequest unless this is the prefix of one job, and that job's own if it has
        a row.
        """
        since = monotonic() if since is None else since
        prefix = JobS3Prefix.parse(text)
        with suppress(JobNotFound):
            own = JobS3Prefix.from_job(self.jobs.get(prefix.job_id))
            if own != prefix:
                raise InvalidRequest(
                    f"its prefix is {own.folder}, not {prefix.folder}: `oneprefix migrate"
                    f" {prefix.job_id}` brings there what lies under others",
                    job_id=prefix.job_id,
                )
        return self._planned(prefix, since)

    def _planned(self, prefix: JobS3Prefix, since: float) -> Deletion:
        until = self.bucket.moment(since)
        objects = size = 0
        for each in self._versions(prefix.folder, until):
            objects, size = objects + 1, size + each.size
        rows = self.runs.of_job(prefix.job_id), self.uploads.uploads(prefix.job_id)
        named = JobObjects.of(prefix, self.bucket, *rows).named.values()
        return Deletion(
            job_id=prefix.job_id,
            bucket=self.bucket.name,
            prefix=prefix.base_prefix,
            objects=objects,
            bytes=size,
            incomplete_uploads=len(self._incomplete_uploads(prefix.folder, until)),
            until=until,
            elsewhere=tuple(sorted({each.bucket for each in named} - {self.bucket.name})),
        )

    def __call__(
        self, plan: Deletion, *, who: str, order: Order | None = None
    ) -> Iterator[Outcome]:
        """Yield the outcome of each object; those that could not be deleted carry an error.

        Raises UploadUnderWay before anything is deleted. The iterator has to be exhausted: its end
        writes the rows of deleted results and finishes the audit record. An `order` that is carried
        out again continues its record, and leaves uploads alone that were asked for since.
        """
        prefix = JobS3Prefix.parse(plan.prefix)
        record = self.deletions.begin(plan, who=who, order=order)
        failures = 0
        for outcome in self._delete(prefix.folder, plan.until):
            failures += outcome.error is not None
            yield outcome
        self._forget_locations(prefix, deletion_reason(who, record))
        self.deletions.finish(record, failures=failures)

    def _versions(self, folder: str, until: datetime) -> Iterator[ObjectVersion]:
        return (each for each in self.versions.list(folder) if each.modified_at <= until)

    def _incomplete_uploads(self, folder: str, until: datetime) -> list[IncompleteUpload]:
        found = self.bucket.incomplete_uploads(folder)
        return [each for each in found if each.created_at <= until]

    def _delete(self, folder: str, until: datetime) -> Iterator[Outcome]:
        uploads = self._incomplete_uploads(folder, until)
        abort = self.bucket.require_aborted
        for found, failure in map_parallel(uploads, lambda each: abort(each.key, each.id)):
            yield Outcome.of(found.key, 0, failure or "aborted")
        refused: set[ObjectVersion] = set()
        before: set[ObjectVersion] = set()
        # listed anew each time, since a listing that continues after a deleted key may miss others
        while left := self._list_some(folder, until, refused):
            remaining = left & before
            for each in remaining:
                yield _outcome(each, f"{each.key} is deleted and still there")
            for batch, result in map_parallel(_batches(left - remaining), self.versions.delete):
                errors = _errors(batch, result)
                refused |= errors.keys()
                yield from (_outcome(each, errors.get(each)) for each in batch)
            refused |= remaining
            before = left

    def _list_some(
        self, folder: str, until: datetime, refused: set[ObjectVersion]
    ) -> set[ObjectVersion]:
        """The first versions that are left, without those that could not be deleted."""
        left = (each for each in self._versions(folder, until) if each not in refused)
        return set(islice(left, MAX_BATCH * DEFAULT_CONCURRENCY))

    def _forget_locations(self, prefix: JobS3Prefix, why: str) -> None:
        """Remove the locations of results that are gone from `runs` and `uploads`."""
        uploads = {upload.run_id: upload for upload in self.uploads.uploads(prefix.job_id)}
        urls = {run.id: {run.results_url} for run in self.runs.of_job(prefix.job_id)}
        for run_id, upload in uploads.items():
            urls.setdefault(run_id, set()).add(upload.results_url)
        # listed after the rows were read: results that land meanwhile have another fence by then
        left = {each.key for each in self.bucket.list(prefix.folder)}
        gone = []
        for run_id, recorded in urls.items():
            key = prefix.run_results_key(run_id)
            was = frozenset(url for url in recorded if url and self.bucket.is_at(url, key))
            if was and key not in left:
                fence = uploads[run_id].fence if run_id in uploads else None
                gone.append(Relocation(prefix.job_id, run_id, fence, was, None, why))
        self.locations.relocate(gone)


def _errors(
    batch: list[ObjectVersion], result: dict[ObjectVersion, str] | OneprefixError
) -> dict[ObjectVersion, str]:
    return dict.fromkeys(batch, str(result)) if isinstance(result, OneprefixError) else result


def _outcome(version: ObjectVersion, error: str | None) -> Outcome:
    return Outcome(version.key, version.size, "failed" if error else "deleted", error)


def _batches(versions: Iterable[ObjectVersion]) -> Iterator[list[ObjectVersion]]:
    rest = iter(versions)
    while batch := list(islice(rest, MAX_BATCH)):
        yield batch
