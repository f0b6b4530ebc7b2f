"""Deletes all that lies under a job's prefix, for good, and leaves a record of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from worker.errors import OneprefixError
from worker.models.deletion import MOST_AT_ONCE, Deletion, ObjectVersion
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.relocation import Relocation
from worker.process.parallel import DEFAULT_CONCURRENCY, map_parallel
from worker.use_cases.ports import (
    ArtifactStore,
    JobRepository,
    ResultLocations,
    RunRepository,
    UploadRecords,
)
from worker.use_cases.retention.outcome import Outcome
from worker.use_cases.retention.ports import DeletionRepository, ObjectVersions


@dataclass(frozen=True, slots=True)
class DeleteJob:
    jobs: JobRepository
    runs: RunRepository
    uploads: UploadRecords
    artifacts: ArtifactStore
    doomed: ObjectVersions
    deletions: DeletionRepository
    locations: ResultLocations

    def plan(self, job_id: int) -> Deletion:
        prefix = JobS3Prefix.from_job(self.jobs.get(job_id))
        objects = size = 0
        for each in self.doomed.list(prefix):
            objects, size = objects + 1, size + each.size
        incomplete_uploads = sum(1 for _ in self.doomed.incomplete_uploads(prefix))
        return Deletion(
            job_id, self.doomed.bucket, prefix.base_prefix, objects, size, incomplete_uploads
        )

    def __call__(self, plan: Deletion, *, who: str) -> Iterator[Outcome]:
        """What became of each object; only those that failed carry an error.

        UploadUnderWay before anything is deleted. To be exhausted: the record is closed at the end.
        """
        prefix = JobS3Prefix.from_job(self.jobs.get(plan.job_id))
        record = self.deletions.begin(plan, who=who)
        failures = 0
        for outcome in self._deleted(prefix):
            failures += outcome.error is not None
            yield outcome
        self._forget_what_is_gone(prefix, f"deleted by {who}, see number {record} of `deletions`")
        self.deletions.finish(record, failures=failures)

    def _deleted(self, prefix: JobS3Prefix) -> Iterator[Outcome]:
        for found, failure in map_parallel(
            list(self.doomed.incomplete_uploads(prefix)), self.doomed.abort
        ):
            yield Outcome.of(found.key, 0, failure or "aborted")
        refused: set[ObjectVersion] = set()
        before: set[ObjectVersion] = set()
        # listed anew each time, since a listing that goes on from what is gone may miss the rest
        while left := self._first(prefix, refused):
            lasting = left & before
            yield from (
                _outcome(each, f"{each.key} is deleted and still there") for each in lasting
            )
            for batch, result in map_parallel(_batches(left - lasting), self.doomed.delete):
                errors = _errors(batch, result)
                refused |= errors.keys()
                yield from (_outcome(each, errors.get(each)) for each in batch)
            refused |= lasting
            before = left

    def _first(self, prefix: JobS3Prefix, refused: set[ObjectVersion]) -> set[ObjectVersion]:
        """Of what is left, but for what can't be deleted."""
        left = (each for each in self.doomed.list(prefix) if each not in refused)
        return set(islice(left, MOST_AT_ONCE * DEFAULT_CONCURRENCY))

    def _forget_what_is_gone(self, prefix: JobS3Prefix, why: str) -> None:
        uploads = {upload.run_id: upload for upload in self.uploads.uploads(prefix.job_id)}
        urls = {run.id: {run.results_url} for run in self.runs.of_job(prefix.job_id)}
        for run_id, upload in uploads.items():
            urls.setdefault(run_id, set()).add(upload.results_url)
        # listed after the rows were read: what lands meanwhile has another fence by then
        there = {each.key for each in self.artifacts.list(prefix)}
        gone = []
        for run_id, told in urls.items():
            key = prefix.run_results_key(run_id)
            was = frozenset(url for url in told if url and self.doomed.is_here(url, key))
            if was and key not in there:
                fence = uploads[run_id].fence if run_id in uploads else None
                gone.append(Relocation(prefix.job_id, run_id, fence, was, None, why))
        self.locations.relocate(gone)


def _errors(
    batch: list[ObjectVersion], result: dict[ObjectVersion, str] | OneprefixError
) -> dict[ObjectVersion, str]:
    return dict.fromkeys(batch, str(result)) if isinstance(result, OneprefixError) else result


def _outcome(doomed: ObjectVersion, error: str | None) -> Outcome:
    return Outcome(doomed.key, doomed.size, "failed" if error else "deleted", error)


def _batches(doomed: Iterable[ObjectVersion]) -> Iterator[list[ObjectVersion]]:
    rest = iter(doomed)
    while batch := list(islice(rest, MOST_AT_ONCE)):
        yield batch
