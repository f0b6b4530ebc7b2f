"""Makes a job's archived artifacts readable for some days."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.storage_class import MAY_NEED_RESTORE, RestoreState, RestoreTier
from worker.models.stored_object import StoredObject
from worker.process.parallel import map_parallel
from worker.use_cases.job_objects import JobObjects, PlacedObject
from worker.use_cases.ports import JobRepository, RunRepository
from worker.use_cases.retention.outcome import Outcome

if TYPE_CHECKING:
    from worker.database.uploads.upload_list import SqlUploadList
    from worker.storage.manage.storage_classes import S3StorageClasses
    from worker.storage.objects.bucket import Bucket


@dataclass(frozen=True, slots=True)
class RestoreJob:
    jobs: JobRepository
    runs: RunRepository
    uploads: "SqlUploadList"
    bucket: "Bucket"
    classes: "S3StorageClasses"
    clock: Callable[[], datetime]
    follows_rows: bool
    """Whether to look in the buckets that the job's rows name, too."""

    def plan(self, job_id: int, *, since: float | None = None) -> list[PlacedObject]:
        """The job's objects by key, archived or not; raises JobNotFound.

        `since`: the monotonic time at which the order was given; what is younger is left out.
        """
        prefix = JobS3Prefix.from_job(self.jobs.get(job_id))
        found = self._objects(prefix).list()
        if since is None:
            return found
        given_at = self.bucket.moment(since)
        return [each for each in found if each.stored.modified_at <= given_at]

    def _objects(self, prefix: JobS3Prefix) -> JobObjects:
        if not self.follows_rows:
            return JobObjects(prefix, self.bucket, {})
        uploads = self.uploads.uploads(prefix.job_id)
        return JobObjects.of(prefix, self.bucket, self.runs.of_job(prefix.job_id), uploads)

    def states(self, plan: list[PlacedObject]) -> Iterator[Outcome]:
        """Yield each object's restore state, without asking for a restore."""
        return self._each(plan, lambda each: _described(each.stored, _restore_state(each)))

    def __call__(
        self, plan: list[PlacedObject], days: int, tier: RestoreTier = RestoreTier.STANDARD
    ) -> Iterator[Outcome]:
        """Restore each object for so many days; yields outcomes in completion order."""
        return self._each(plan, partial(self._restored, days, tier))

    def _each(
        self, plan: list[PlacedObject], work: Callable[[PlacedObject], str]
    ) -> Iterator[Outcome]:
        for (_, stored), result in map_parallel(plan, work):
            yield Outcome.of(stored.key, stored.size, result)

    def _restored(self, days: int, tier: RestoreTier, placed: PlacedObject) -> str:
        stored, state = placed.stored, _restore_state(placed)
        wanted = self.clock() + timedelta(days=days)
        lasts = state.readable_until and state.readable_until >= wanted
        if not state.is_archived or state.is_under_way or lasts:
            return _described(stored, state)  # another request could shorten the period
        self.classes.restore(placed.bucket, stored, days, tier)
        return f"asked for, {tier}"


def _restore_state(placed: PlacedObject) -> RestoreState:
    """Only objects that may be archived cost a HEAD request."""
    bucket, stored = placed
    if stored.storage_class in MAY_NEED_RESTORE:
        return bucket.require(stored.key, version=stored.version_id).restore_state
    return RestoreState(is_archived=False)


def _described(stored: StoredObject, state: RestoreState) -> str:
    if not state.is_archived:
        return f"readable, in {stored.storage_class}"
    if state.is_under_way:
        return "being restored"
    if state.readable_until:
        return f"restored until {state.readable_until:%Y-%m-%d %H:%M}"
    return "archived"
