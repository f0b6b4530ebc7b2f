"""Moves a job's artifacts to another storage class, or to another bucket."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from worker.errors import ArtifactReplaced, InvalidRequest
from worker.models.artifact import ArtifactId, ArtifactKind
from worker.models.job import Run
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.relocation import Relocation
from worker.models.storage_class import StorageClass
from worker.models.stored_object import StoredObject
from worker.models.upload import Upload
from worker.process.parallel import map_parallel
from worker.use_cases.ports import (
    ArtifactStore,
    CopyRecords,
    JobRepository,
    ResultLocations,
    RunRepository,
    UploadRecords,
)
from worker.use_cases.recorded_copy import noted_copy
from worker.use_cases.retention.outcome import Outcome
from worker.use_cases.retention.ports import StorageClasses


@dataclass(frozen=True, slots=True)
class StorageChange:
    storage_class: StorageClass = StorageClass.GLACIER
    older_than: timedelta = timedelta()
    """Since it landed."""
    to_bucket: str | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    stored: StoredObject
    run: Run | None
    """Whose results it is."""
    upload: Upload | None
    left: str | None
    """Why it stays as it is."""


@dataclass(frozen=True, slots=True)
class StorageChangePlan:
    job_id: int
    prefix: str
    order: StorageChange
    items: list[Planned]
    """By key."""

    def outcomes(self) -> list[Outcome]:
        """What would be done."""
        to = self.order.to_bucket
        place = f"to {to}, in" if to else "to"
        state = f"to be moved {place} {self.order.storage_class}"
        return [_outcome(each, each.left or state) for each in self.items]


@dataclass(frozen=True, slots=True)
class ChangeStorageClass:
    jobs: JobRepository
    runs: RunRepository
    uploads: UploadRecords
    artifacts: ArtifactStore
    store: StorageClasses
    locations: ResultLocations
    copies: CopyRecords
    clock: Callable[[], datetime]

    def plan(self, job_id: int, order: StorageChange) -> StorageChangePlan:
        prefix = JobS3Prefix.from_job(self.jobs.get(job_id))
        if order.to_bucket == self.store.bucket:
            raise InvalidRequest(f"the job's artifacts lie in {order.to_bucket} already")
        if order.to_bucket:
            self.store.require_bucket(order.to_bucket)
        items = planned(
            order,
            prefix,
            self.artifacts.list(prefix),
            runs=self.runs.of_job(job_id),
            uploads=self.uploads.uploads(job_id),
            now=self.clock(),
        )
        return StorageChangePlan(job_id, prefix.base_prefix, order, items)

    def __call__(self, plan: StorageChangePlan) -> Iterator[Outcome]:
        """What became of each, whichever is first; what is left comes before all others."""
        yield from (_outcome(each, each.left) for each in plan.items if each.left)
        archive = self._moved if plan.order.to_bucket else self._changed
        todo = (each for each in plan.items if not each.left)
        for item, result in map_parallel(todo, partial(archive, plan.order)):
            yield Outcome.of(item.stored.key, item.stored.size, result)

    def _changed(self, order: StorageChange, item: Planned) -> str:
        with noted_copy(self.copies, item.upload) as opened:
            self.store.change_class(item.stored, order.storage_class, opened)
        return f"now in {order.storage_class}"

    def _moved(self, order: StorageChange, item: Planned) -> str:
        bucket = order.to_bucket or ""
        self.store.copy_to(bucket, item.stored, order.storage_class)
        self._relocate(bucket, item)
        self.store.remove(item.stored)
        return f"moved to {bucket}, in {order.storage_class}"

    def _relocate(self, bucket: str, item: Planned) -> None:
        key, run, upload = item.stored.key, item.run, item.upload
        if run is None:
            return
        told = {run.results_url, upload.results_url if upload else None}
        was = frozenset(url for url in told if url and self.store.is_here(url, key))
        if not was:
            return
        move = Relocation(
            run.job_id,
            run.id,
            upload.fence if upload else None,
            was,
            self.store.url(bucket, key),
            f"moved to s3://{bucket}/{key}",
        )
        if not self.locations.relocate([move]):
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
    now: datetime,
) -> list[Planned]:
    runs_by_id = {run.id: run for run in runs}
    uploads_by_run = {upload.run_id: upload for upload in uploads}
    items = []
    for each in stored:
        artifact = ArtifactId.at(each.key, prefix)
        is_results = artifact is not None and artifact.kind is ArtifactKind.RUN_RESULTS
        run_id = artifact.run_id or 0 if artifact and is_results else 0
        upload = uploads_by_run.get(run_id)
        items.append(Planned(each, runs_by_id.get(run_id), upload, _left(each, upload, order, now)))
    return items


def _left(
    stored: StoredObject, upload: Upload | None, order: StorageChange, now: datetime
) -> str | None:
    # a change of class is a new object to S3, but the row knows when the results landed
    landed_at = (upload and upload.landed_at) or stored.modified_at
    if order.to_bucket is None and stored.storage_class == order.storage_class:
        return f"already in {order.storage_class}"
    if upload and not upload.state.is_over:
        return "about to be uploaded anew"
    if now - landed_at < order.older_than:
        return f"landed only on {landed_at:%Y-%m-%d}"
    return None


def _outcome(item: Planned, state: str) -> Outcome:
    return Outcome(item.stored.key, item.stored.size, state)
