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
from worker.use_cases.ports import JobRepository
from worker.use_cases.retention.outcome import Outcome

if TYPE_CHECKING:
    from worker.storage.manage.storage_classes import S3StorageClasses
    from worker.storage.objects.bucket import Bucket


@dataclass(frozen=True, slots=True)
class RestoreJob:
    jobs: JobRepository
    bucket: "Bucket"
    classes: "S3StorageClasses"
    clock: Callable[[], datetime]

    def plan(self, job_id: int, *, age: float | None = None) -> list[StoredObject]:
        """The job's objects by key, archived or not; raises JobNotFound.

        `age`: seconds since the order was given, if not just now; what is younger is left out.
        """
        prefix = JobS3Prefix.from_job(self.jobs.get(job_id))
        found = self.bucket.list(prefix.folder)
        if age is None:
            return list(found)
        given_at = self.bucket.moment(age)
        return [each for each in found if each.modified_at <= given_at]

    def states(self, plan: list[StoredObject]) -> Iterator[Outcome]:
        """Yield each object's restore state, without asking for a restore."""
        return self._each(plan, lambda stored: _described(stored, self._restore_state(stored)))

    def __call__(
        self, plan: list[StoredObject], days: int, tier: RestoreTier = RestoreTier.STANDARD
    ) -> Iterator[Outcome]:
        """Restore each object for so many days; yields outcomes in completion order."""
        return self._each(plan, partial(self._restored, days, tier))

    def _each(
        self, plan: list[StoredObject], work: Callable[[StoredObject], str]
    ) -> Iterator[Outcome]:
        for stored, result in map_parallel(plan, work):
            yield Outcome.of(stored.key, stored.size, result)

    def _restored(self, days: int, tier: RestoreTier, stored: StoredObject) -> str:
        state = self._restore_state(stored)
        wanted = self.clock() + timedelta(days=days)
        lasts = state.readable_until and state.readable_until >= wanted
        if not state.is_archived or state.is_under_way or lasts:
            return _described(stored, state)  # another request could shorten the period
        self.classes.restore(stored, days, tier)
        return f"asked for, {tier}"

    def _restore_state(self, stored: StoredObject) -> RestoreState:
        """Only objects that may be archived cost a HEAD request."""
        if stored.storage_class in MAY_NEED_RESTORE:
            return self.bucket.require(stored.key).restore_state
        return RestoreState(is_archived=False)


def _described(stored: StoredObject, state: RestoreState) -> str:
    if not state.is_archived:
        return f"readable, in {stored.storage_class}"
    if state.is_under_way:
        return "being restored"
    if state.readable_until:
        return f"restored until {state.readable_until:%Y-%m-%d %H:%M}"
    return "archived"
