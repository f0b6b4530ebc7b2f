"""Brings scattered artifacts under their jobs' prefixes: copies, records, then deletes the source.

Each step leaves what the next run goes on from. What a plan finds is true for a moment only, so
each step is conditional by itself.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from heapq import merge
from itertools import chain, groupby

from worker.errors import JobNotFound, OneprefixError
from worker.models.artifact import ArtifactKind
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.stored_object import StoredObject
from worker.models.upload import UploadState
from worker.process.parallel import map_parallel
from worker.use_cases.migration.plan import (
    STEMS,
    Candidates,
    Decision,
    Kept,
    Move,
    Reason,
    decide,
    job_id_of,
    job_part,
    sort_out,
)
from worker.use_cases.migration.ports import MovedResults, ScatteredObjects
from worker.use_cases.ports import CopyRecords, JobRepository, RunRepository, UploadRecords
from worker.use_cases.recorded_copy import noted_copy

ZIP_KINDS = (ArtifactKind.JOB_INPUT, ArtifactKind.RUN_RESULTS)

Finding = Candidates | Kept


@dataclass(frozen=True, slots=True)
class MigrateArtifacts:
    jobs: JobRepository
    runs: RunRepository
    uploads: UploadRecords
    objects: ScatteredObjects
    results: MovedResults
    copies: CopyRecords

    def __call__(
        self, job_ids: Sequence[int] | None = None, *, apply: bool = False
    ) -> Generator[tuple[Finding, Decision | OneprefixError]]:
        """What is decided about each artifact of these jobs, or of all, that lies elsewhere; done
        too with `apply`. Takes up no more memory than the listing of the largest job.

        JobNotFound for an unknown job that is named; of the others, the objects are left.
        """
        return map_parallel(self.find(job_ids), partial(self.settle, apply=apply))

    def find(self, job_ids: Sequence[int] | None) -> Iterator[Finding]:
        """What the bucket holds of these jobs outside their prefixes."""
        for job_id in job_ids or ():
            self.jobs.get(job_id)
        listed = self._all() if job_ids is None else chain.from_iterable(map(self._of, job_ids))
        for part, objects in groupby(listed, key=lambda each: job_part(each.key)):
            if (found := job_id_of(part)) is None:
                yield from (Kept(each, Reason.UNKNOWN) for each in objects)
            else:
                yield from self._of_job(found, list(objects))

    def settle(self, found: Finding, *, apply: bool) -> Decision:
        if isinstance(found, Kept):
            return Decision(left=(found,))
        try:
            decision = self._decided(found)
            for move in decision.moves if apply else ():
                self._carry_out(move, found)
        except OneprefixError as error:
            raise error.concerning(job_id=found.job_id, run_id=found.artifact.run_id) from error
        return decision

    def _all(self) -> Iterator[StoredObject]:
        # each listing is in the order of its keys, so that a job's two groups meet
        return merge(*map(self.objects.list, STEMS), key=lambda each: job_part(each.key))

    def _of(self, job_id: int) -> Iterator[StoredObject]:
        return chain.from_iterable(self.objects.list(f"{stem}{job_id}/") for stem in STEMS)

    def _of_job(self, job_id: int, listed: list[StoredObject]) -> Iterator[Finding]:
        try:
            prefix = JobS3Prefix.from_job(self.jobs.get(job_id))
        except JobNotFound:
            yield from (Kept(each, Reason.NO_SUCH_JOB) for each in listed)
            return
        runs = {run.id: run for run in self.runs.of_job(job_id)}
        uploads = {upload.run_id: upload for upload in self.uploads.uploads(job_id)}
        candidates, left = sort_out(prefix, runs, listed, uploads)
        yield from left
        if any(upload.state is UploadState.UPLOADING for upload in uploads.values()):
            scattered = chain.from_iterable(each.scattered for each in candidates)
            yield from (Kept(each, Reason.UNDER_WAY) for each in scattered)
        else:
            yield from candidates

    def _decided(self, candidates: Candidates) -> Decision:
        if candidates.artifact.kind is ArtifactKind.RUN_RESULTS:
            self._require_ours(candidates)
        if not candidates.is_contested:
            return decide(candidates)
        if copied := {
            each.key for each in candidates.scattered if self._is_copied(each, candidates)
        }:
            return decide(candidates, copied=copied)
        is_archive = candidates.artifact.kind in ZIP_KINDS
        complete = {each.key for each in candidates.all if self._is_complete(each, is_archive)}
        return decide(candidates, complete=complete)

    def _require_ours(self, candidates: Candidates) -> None:
        """InvalidObjectUrl if the run's results are recorded to lie outside the bucket."""
        if candidates.run and candidates.run.results_url:
            self.objects.key_of(candidates.run.results_url)

    def _is_copied(self, source: StoredObject, candidates: Candidates) -> bool:
        standing = candidates.standing
        return standing is not None and self.objects.is_same(source, standing)

    def _is_complete(self, found: StoredObject, is_archive: bool) -> bool:
        return found.size > 0 and (not is_archive or self.objects.ends_as_archive(found))

    def _carry_out(self, move: Move, candidates: Candidates) -> None:
        if move.replaces:
            self.objects.copy(move.replaces, move.aside)
        if move.is_copied:
            checksum = self.objects.checksum(move.key)
        else:
            with noted_copy(self.copies, candidates.upload) as opened:
                checksum = self.objects.copy(
                    move.source, move.key, replaces=move.replaces, opened=opened
                )
        if candidates.run and candidates.artifact.kind is ArtifactKind.RUN_RESULTS:
            self.results.record_moved(
                candidates.run,
                key=move.key,
                size=move.source.size,
                checksum=checksum,
                results_url=self.objects.url(move.key),
                former_url=self.objects.url(move.source.key),
                landed_at=move.source.modified_at,
            )
        self.objects.delete(move.source)
