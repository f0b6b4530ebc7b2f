"""Makes a job's archived artifacts readable for some days."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from worker.interfaces import ArtifactStore, JobRepository, RestoreStore
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.outcome import Outcome
from worker.models.restore_state import RestoreState
from worker.models.storage_class import ARCHIVES, RestoreTier
from worker.models.stored_object import StoredObject
from worker.parallel import each_of


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
        for stored, result in each_of(plan, work):
            yield Outcome.of(stored.key, stored.size, result)

    def _state(self, stored: StoredObject) -> str:
        if stored.storage_class not in ARCHIVES:
            return f"readable, in {stored.storage_class}"
        return _told(self.store.restore_state(stored))

    def _restored(self, order: RestoreOrder, stored: StoredObject) -> str:
        if stored.storage_class not in ARCHIVES:
            return self._state(stored)
        state = self.store.restore_state(stored)
        wanted = self.clock() + timedelta(days=order.days)
        if state.is_under_way or (state.readable_until and state.readable_until >= wanted):
            return _told(state)  # to ask again could shorten its time
        self.store.restore(stored, order.days, order.tier)
        return f"asked for, {order.tier}"


def _told(state: RestoreState) -> str:
    if state.is_under_way:
        return "being restored"
    if state.readable_until:
        return f"restored until {state.readable_until:%Y-%m-%d %H:%M}"
    return "archived"
