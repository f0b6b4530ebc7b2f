"""Makes a job's archived artifacts readable for some days."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.storage_class import MAY_BE_ARCHIVED, RestoreState, RestoreTier
from worker.models.stored_object import StoredObject
from worker.process.parallel import map_parallel
from worker.use_cases.ports import ArtifactStore, JobRepository
from worker.use_cases.retention.outcome import Outcome
from worker.use_cases.retention.ports import RestoreStore


@dataclass(frozen=True, slots=True)
class RestoreOrder:
    days: int
    tier: RestoreTier = RestoreTier.STANDARD


@dataclass(frozen=True, slots=True)
class RestoreJob:
    jobs: JobRepository
    artifacts: ArtifactStore
    store: RestoreStore
    clock: Callable[[], datetime]

    def plan(self, job_id: int) -> list[StoredObject]:
        """The job's objects by key, archived or not."""
        return list(self.artifacts.list(JobS3Prefix.from_job(self.jobs.get(job_id))))

    def states(self, plan: list[StoredObject]) -> Iterator[Outcome]:
        """How each stands, and nothing is asked for."""
        return self._each(plan, self._state)

    def __call__(self, plan: list[StoredObject], order: RestoreOrder) -> Iterator[Outcome]:
        """What became of each, whichever is first."""
        return self._each(plan, partial(self._restored, order))

    def _each(
        self, plan: list[StoredObject], work: Callable[[StoredObject], str]
    ) -> Iterator[Outcome]:
        for stored, result in map_parallel(plan, work):
            yield Outcome.of(stored.key, stored.size, result)

    def _state(self, stored: StoredObject) -> str:
        return _told(stored, self._look(stored))

    def _restored(self, order: RestoreOrder, stored: StoredObject) -> str:
        state = self._look(stored)
        wanted = self.clock() + timedelta(days=order.days)
        is_restored = state.readable_until and state.readable_until >= wanted
        if not state.is_archived or state.is_under_way or is_restored:
            return _told(stored, state)  # to ask again could shorten its time
        self.store.restore(stored, order.days, order.tier)
        return f"asked for, {order.tier}"

    def _look(self, stored: StoredObject) -> RestoreState:
        """S3 is asked only about what may be archived."""
        if stored.storage_class in MAY_BE_ARCHIVED:
            return self.store.restore_state(stored)
        return RestoreState(is_archived=False)


def _told(stored: StoredObject, state: RestoreState) -> str:
    if not state.is_archived:
        return f"readable, in {stored.storage_class}"
    if state.is_under_way:
        return "being restored"
    if state.readable_until:
        return f"restored until {state.readable_until:%Y-%m-%d %H:%M}"
    return "archived"
