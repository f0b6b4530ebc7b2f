"""Brings scattered artifacts under their jobs' prefixes: copies, records, then deletes the source.

A run that breaks off leaves every object where the next run finds it. A listing is true for a
moment only, so each step is conditional by itself.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from heapq import merge
from itertools import chain, groupby
from typing import TYPE_CHECKING

from worker.errors import InvalidObjectUrl, JobNotFound, OneprefixError
from worker.models.archive import ZIP_TAIL, ends_as_zip
from worker.models.artifact import ArtifactKind
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.stored_object import StoredObject
from worker.models.upload import UploadState
from worker.process.parallel import map_parallel
from worker.redaction import redacted
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
from worker.use_cases.ports import JobRepository, RunRepository
from worker.use_cases.recorded_copy import recorded_copy

if TYPE_CHECKING:
    from worker.database.result_locations import SqlResultLocations
    from worker.database.uploads.multipart_ids import SqlMultipartIds
    from worker.database.uploads.upload_list import SqlUploadList
    from worker.storage.manage.verified_copies import S3VerifiedCopies
    from worker.storage.objects.bucket import Bucket

ZIP_KINDS = (ArtifactKind.JOB_INPUT, ArtifactKind.RUN_RESULTS)

Finding = Candidates | Kept


@dataclass(frozen=True, slots=True)
class MigrateArtifacts:
    jobs: JobRepository
    runs: RunRepository
    uploads: "SqlUploadList"
    bucket: "Bucket"
    copies: "S3VerifiedCopies"
    locations: "SqlResultLocations"
    copy_records: "SqlMultipartIds"

    def __call__(
        self,
        job_ids: Sequence[int] | None = None,
        *,
        apply: bool = False,
        since: float | None = None,
    ) -> Generator[tuple[Finding, Decision | OneprefixError]]:
        """Decide about each scattered artifact of these jobs, or of all; with `apply`, act on it.

        `since`: the monotonic time at which the order was given; what is younger stays.

        Yields decisions or errors in completion order. Memory is bounded by the listing of the
        largest job. Raises JobNotFound for an unknown job among `job_ids`; objects of other unknown
        jobs are kept.
        """
        return map_parallel(self.find(job_ids, since=since), partial(self.settle, apply=apply))

    def find(
        self, job_ids: Sequence[int] | None, *, since: float | None = None
    ) -> Iterator[Finding]:
        """Yield the objects of these jobs, or of all, outside the jobs' prefixes."""
        for job_id in job_ids or ():
            self.jobs.get(job_id)
        given_at = None if since is None else self.bucket.moment(since)
        listed = self._all() if job_ids is None else chain.from_iterable(map(self._of, job_ids))
        for part, objects in groupby(listed, key=lambda each: job_part(each.key)):
            if (found := job_id_of(part)) is None:
                yield from (Kept(each, Reason.UNKNOWN) for each in objects)
            else:
                yield from self._of_job(found, list(objects), given_at)

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
        return merge(*map(self.bucket.list, STEMS), key=lambda each: job_part(each.key))

    def _of(self, job_id: int) -> Iterator[StoredObject]:
        return chain.from_iterable(self.bucket.list(f"{stem}{job_id}/") for stem in STEMS)

    def _of_job(
        self, job_id: int, listed: list[StoredObject], given_at: datetime | None
    ) -> Iterator[Finding]:
        try:
            prefix = JobS3Prefix.from_job(self.jobs.get(job_id))
        except JobNotFound:
            yield from (Kept(each, Reason.NO_SUCH_JOB) for each in listed)
            return
        runs = {run.id: run for run in self.runs.of_job(job_id)}
        uploads = {upload.run_id: upload for upload in self.uploads.uploads(job_id)}
        candidates, kept = sort_out(prefix, runs, listed, uploads)
        yield from kept
        is_under_way = any(each.state is UploadState.UPLOADING for each in uploads.values())
        for each in candidates:
            if is_under_way:
                yield from (Kept(stored, Reason.UNDER_WAY) for stored in each.scattered)
            elif given_at and any(stored.modified_at > given_at for stored in each.scattered):
                yield from (Kept(stored, Reason.YOUNGER) for stored in each.scattered)
            else:
                yield each

    def _decided(self, candidates: Candidates) -> Decision:
        if candidates.run and candidates.artifact.kind is ArtifactKind.RUN_RESULTS:
            self._require_in_bucket(candidates.run.results_url)
        if not candidates.is_contested:
            return decide(candidates)
        standing, scattered = candidates.standing, candidates.scattered
        same = [each for each in scattered if standing and self.copies.is_same(each, standing)]
        if same:
            return decide(candidates, copied={each.key for each in same})
        is_zip = candidates.artifact.kind in ZIP_KINDS
        complete = {each.key for each in candidates.all if self._is_complete(each, is_zip)}
        return decide(candidates, complete=complete)

    def _require_in_bucket(self, results_url: str | None) -> None:
        """Raise InvalidObjectUrl if the URL names another bucket, or one version of its object."""
        named = self.bucket.parse(results_url) if results_url else None
        if named and named.bucket != self.bucket.name:
            raise InvalidObjectUrl(
                f"{redacted(results_url)!r:.300} is in another bucket than {self.bucket.name}"
            )
        if named and named.version:
            raise InvalidObjectUrl(f"{named} is named, and only the newest version is moved")

    def _is_complete(self, found: StoredObject, is_zip: bool) -> bool:
        tail = self.bucket.read(found, max(0, found.size - ZIP_TAIL), found.size)
        return found.size > 0 and (not is_zip or ends_as_zip(b"".join(tail)))

    def _carry_out(self, move: Move, candidates: Candidates) -> None:
        checksum = self._copied(move, candidates)
        if candidates.run and candidates.artifact.kind is ArtifactKind.RUN_RESULTS:
            self.locations.record_moved(
                candidates.run,
                key=move.key,
                size=move.source.size,
                checksum=checksum,
                results_url=self.bucket.url(move.key),
                former_url=self.bucket.url(move.source.key),
                landed_at=move.source.modified_at,
            )
        self.bucket.delete(move.source)

    def _copied(self, move: Move, candidates: Candidates) -> str | None:
        """The copy's checksum, once the copy stands and the object it replaces is set aside."""
        if move.replaces:
            self.copies.copy(move.replaces, move.aside)
        if move.is_copied:
            return self.bucket.require(move.key).checksum
        with recorded_copy(self.copy_records, candidates.upload) as opened:
            return self.copies.copy(move.source, move.key, replaces=move.replaces, opened=opened)
