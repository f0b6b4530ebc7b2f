"""Moves a job's artifacts to another storage class, or to another bucket."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from worker.errors import ArtifactReplaced, InvalidRequest
from worker.models.artifact import ArtifactId, ArtifactKind
from worker.models.job import Run
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.retention import Relocation
from worker.models.storage_class import StorageClass
from worker.models.stored_object import StoredObject
from worker.models.upload import Upload
from worker.process.parallel import map_parallel
from worker.use_cases.ports import JobRepository, RunRepository
from worker.use_cases.recorded_copy import recorded_copy
from worker.use_cases.retention.outcome import Outcome

if TYPE_CHECKING:
    from worker.database.result_locations import SqlResultLocations
    from worker.database.uploads.multipart_ids import SqlMultipartIds
    from worker.database.uploads.upload_list import SqlUploadList
    from worker.storage.manage.storage_classes import S3StorageClasses
    from worker.storage.objects.bucket import Bucket


@dataclass(frozen=True, slots=True)
class StorageChange:
    storage_class: StorageClass = StorageClass.GLACIER
    older_than: timedelta = timedelta()
    """Artifacts that landed more recently stay."""
    to_bucket: str | None = None


@dataclass(frozen=True, slots=True)
class PlannedChange:
    stored: StoredObject
    run: Run | None
    """The run whose results the object is; None for other artifacts."""
    upload: Upload | None
    left: str | None
    """The reason why the object stays as it is; None if it is to be changed."""


@dataclass(frozen=True, slots=True)
class StorageChangePlan:
    prefix: str
    order: StorageChange
    items: list[PlannedChange]
    """By key."""

    def outcomes(self) -> list[Outcome]:
        """The outcomes of a dry run."""
        bucket = self.order.to_bucket
        place = f"to {bucket}, in" if bucket else "to"
        state = f"to be moved {place} {self.order.storage_class}"
        return [_outcome(each, each.left or state) for each in self.items]


@dataclass(frozen=True, slots=True)
class ChangeStorageClass:
    jobs: JobRepository
    runs: RunRepository
    uploads: "SqlUploadList"
    bucket: "Bucket"
    classes: "S3StorageClasses"
    locations: "SqlResultLocations"
    copy_records: "SqlMultipartIds"
    clock: Callable[[], datetime]

    def plan(
        self, job_id: int, order: StorageChange, *, since: float | None = None
    ) -> StorageChangePlan:
        """`since`: the monotonic time at which the order was given; what is younger stays.

        Raises JobNotFound, InvalidRequest, and StorageRefused for an unusable bucket."""
        prefix = JobS3Prefix.from_job(self.jobs.get(job_id))
        if order.to_bucket == self.bucket.name:
            raise InvalidRequest(f"the job's artifacts lie in {order.to_bucket} already")
        if order.to_bucket:
            self.classes.require_bucket(order.to_bucket)
        items = planned(
            order,
            prefix,
            self.bucket.list(prefix.folder),
            runs=self.runs.of_job(job_id),
            uploads=self.uploads.uploads(job_id),
            given_at=self.clock() if since is None else self.bucket.moment(since),
        )
        return StorageChangePlan(prefix.base_prefix, order, items)

    def __call__(self, plan: StorageChangePlan) -> Iterator[Outcome]:
        """Yield the outcome of each object: first of those that stay, then in completion order."""
        yield from (_outcome(each, each.left) for each in plan.items if each.left)
        change = self._move if plan.order.to_bucket else self._change_class
        todo = (each for each in plan.items if not each.left)
        for item, result in map_parallel(todo, partial(change, plan.order)):
            yield Outcome.of(item.stored.key, item.stored.size, result)

    def _change_class(self, order: StorageChange, item: PlannedChange) -> str:
        with recorded_copy(self.copy_records, item.upload) as opened:
            self.classes.change(item.stored, order.storage_class, opened)
        return f"now in {order.storage_class}"

    def _move(self, order: StorageChange, item: PlannedChange) -> str:
        bucket = order.to_bucket or ""
        self._require_no_version(item)
        url = self.classes.copy_to(bucket, item.stored, order.storage_class)
        self._relocate(item, url, f"moved to s3://{bucket}/{item.stored.key}")
        self.bucket.delete(item.stored)
        return f"moved to {bucket}, in {order.storage_class}"

    def _require_no_version(self, item: PlannedChange) -> None:
        """Raise InvalidRequest if a row names one version of the object: it would stay behind."""
        for url in self._recorded(item):
            if version := self.bucket.parse(url).version:
                raise InvalidRequest(
                    f"{item.stored.key} can't be moved: its results_url names version {version} of"
                    " it, and only the newest is moved"
                )

    def _recorded(self, item: PlannedChange) -> frozenset[str]:
        """The URLs that rows have for the object."""
        rows = [each for each in (item.run, item.upload) if each]
        urls = {each.results_url for each in rows}
        return frozenset(url for url in urls if url and self.bucket.is_at(url, item.stored.key))

    def _relocate(self, item: PlannedChange, url: str, why: str) -> None:
        """Record the new location of a run's results; raises ArtifactReplaced."""
        run, upload, was = item.run, item.upload, self._recorded(item)
        if run is None or not was:
            return
        fence = upload.fence if upload else None
        if not self.locations.relocate([Relocation(run.job_id, run.id, fence, was, url, why)]):
            raise ArtifactReplaced(
                "its upload has changed meanwhile; run the command again",
                job_id=run.job_id,
                run_id=run.id,
            )


def planned(
    order: StorageChange,
    prefix: JobS3Prefix,
    stored: Iterable[StoredObject],
    *,
    runs: Iterable[Run],
    uploads: Iterable[Upload],
    given_at: datetime,
) -> list[PlannedChange]:
    runs_by_id = {run.id: run for run in runs}
    uploads_by_run = {upload.run_id: upload for upload in uploads}
    items = []
    for each in stored:
        kind, run_id = ArtifactId.at(each.key, prefix) or (None, None)
        of_results = run_id or 0 if kind is ArtifactKind.RUN_RESULTS else 0  # which no run has
        upload = uploads_by_run.get(of_results)
        left = _reason_to_stay(each, upload, order, given_at)
        items.append(PlannedChange(each, runs_by_id.get(of_results), upload, left))
    return items


def _reason_to_stay(
    stored: StoredObject, upload: Upload | None, order: StorageChange, given_at: datetime
) -> str | None:
    # a change of class makes a new object in S3, but the row knows when the results landed
    landed_at = (upload and upload.landed_at) or stored.modified_at
    if order.to_bucket is None and stored.storage_class == order.storage_class:
        return f"already in {order.storage_class}"
    if upload and not upload.state.is_over:
        return "about to be uploaded anew"
    if given_at - landed_at < order.older_than:
        return f"landed only on {landed_at:%Y-%m-%d}"
    return None


def _outcome(item: PlannedChange, state: str) -> Outcome:
    return Outcome(item.stored.key, item.stored.size, state)
