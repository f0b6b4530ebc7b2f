"""Count in memory that a worker's processes share, as `worker.use_cases.meter.Meter`."""

from bisect import bisect_left
from dataclasses import dataclass

from worker.errors import OneprefixError, PermanentError, Postponed
from worker.metrics.catalogue import (
    ACTIONS,
    ARCHIVED,
    ATTEMPTS,
    COLUMNS,
    DEATHS,
    EXPIRED_LEASES,
    FAILURES,
    KILLED,
    LANDINGS,
    OUT_OF_MEMORY,
    PACKED,
    POSTPONEMENTS,
    RECOVERIES,
    RETRIES,
    SENT,
    STAGES,
    Family,
)
from worker.models.archive import Archive
from worker.models.measured import Action, Stage
from worker.models.upload import Upload
from worker.process.shared_counts import SharedCounts


@dataclass(frozen=True, slots=True)
class SharedMeter:
    counts: SharedCounts

    def began(self, upload: Upload) -> None:
        self._count(ATTEMPTS)
        if upload.deaths:
            self._count(RECOVERIES)

    def passed(self, stage: Stage, seconds: float) -> None:
        self._observe(STAGES, seconds, stage)

    def packed(self, archive: Archive) -> None:
        self._count(PACKED, amount=archive.bytes_total)
        self._count(ARCHIVED, amount=archive.size)

    def sent(self, size: int) -> None:
        """Count bytes that S3 has taken."""
        self._count(SENT, amount=size)

    def landed(self, seconds: float) -> None:
        self._observe(LANDINGS, seconds)

    def failed(self, error: OneprefixError) -> None:
        match error:
            case Postponed():
                family = POSTPONEMENTS
            case PermanentError():
                family = FAILURES
            case _:
                family = RETRIES
        self._count(family, _cause(error, family))

    def lease_expired(self) -> None:
        self._count(EXPIRED_LEASES)

    def died(self, *, of_memory: bool) -> None:
        self._count(DEATHS, OUT_OF_MEMORY if of_memory else KILLED)

    def recovered(self, action: Action, count: int) -> None:
        self._count(ACTIONS, action, count)

    def _count(self, family: Family, value: str = "", amount: float = 1) -> None:
        self.counts.add([(COLUMNS[family.name, value], amount)])

    def _observe(self, family: Family, seconds: float, value: str = "") -> None:
        first, bucket = COLUMNS[family.name, value], bisect_left(family.buckets, seconds)
        self.counts.add([(first + bucket, 1), (first + family.width - 1, seconds)])


def _cause(error: OneprefixError, family: Family) -> str:
    """The name of the error's class, or of the nearest one above it that the family knows."""
    return next(each.__name__ for each in type(error).__mro__ if each.__name__ in family.values)
