"""What a worker's processes count: names, the values of their one label, and where each is kept."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

from worker import errors
from worker.errors import OneprefixError, PermanentError, Postponed, TransientError
from worker.models.measured import Action, Stage

#: Upper bounds of buckets, in seconds.
STAGE_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5, 15, 60, 300, 1800, 7200)
LANDING_BUCKETS = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 10800, 43200, 86400, 259200)
#: A process that died: killed by anybody, or by the kernel since its memory was exhausted.
KILLED, OUT_OF_MEMORY = "killed", "out_of_memory"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: a counter, or a histogram if it has buckets."""

    name: str
    """Without the suffix `_total`."""
    told: str
    label: str = ""
    values: tuple[str, ...] = ("",)
    """All that the label can have: nothing that a stranger writes becomes one."""
    buckets: tuple[float, ...] = ()

    @property
    def width(self) -> int:
        """Columns of one value: its count; or each bucket's, that above them, and the sum."""
        return len(self.buckets) + 2 if self.buckets else 1


def _causes(of: type[OneprefixError], but: type[OneprefixError] | None = None) -> tuple[str, ...]:
    """The names of the errors in `worker.errors` that are `of` that class, itself among them."""
    return tuple(
        name
        for name, each in inspect.getmembers(errors, inspect.isclass)
        if issubclass(each, of) and not (but and issubclass(each, but))
    )


ATTEMPTS = Family("oneprefix_worker_attempts", "Attempts begun.")
STAGES = Family(
    "oneprefix_worker_stage_seconds",
    "Seconds of an attempt's stages, of those that were completed.",
    "stage",
    tuple(Stage),
    STAGE_BUCKETS,
)
LANDINGS = Family(
    "oneprefix_worker_enqueue_to_land_seconds",
    "Seconds from the request of an upload to its landing.",
    buckets=LANDING_BUCKETS,
)
PACKED = Family("oneprefix_worker_packed_bytes", "Bytes of files in archives that were packed.")
ARCHIVED = Family("oneprefix_worker_archive_bytes", "Bytes of the archives that were packed.")
SENT = Family("oneprefix_worker_sent_bytes", "Bytes of archives and their parts that S3 has taken.")
RETRIES = Family(
    "oneprefix_worker_retries",
    "Attempts that failed and are to be retried, by the class of the error.",
    "cause",
    _causes(TransientError, Postponed),
)
POSTPONEMENTS = Family(
    "oneprefix_worker_postponements",
    "Attempts given up early and not counted, by the class of the reason.",
    "cause",
    _causes(Postponed),
)
FAILURES = Family(
    "oneprefix_worker_failures",
    "Uploads that became FAILED in an attempt, by the class of the error.",
    "cause",
    _causes(PermanentError),
)
DEATHS = Family(
    "oneprefix_worker_deaths",
    "Processes found dead that had held an upload.",
    "cause",
    (KILLED, OUT_OF_MEMORY),
)
EXPIRED_LEASES = Family(
    "oneprefix_worker_expired_leases", "Leases of uploads found that their holder let run out."
)
RECOVERIES = Family(
    "oneprefix_worker_recoveries", "Attempts begun after a death or an expired lease."
)
ACTIONS = Family(
    "oneprefix_worker_recovery_actions",
    "What recovery did to uploads, messages and orders.",
    "action",
    tuple(Action),
)

CATALOGUE = (
    ATTEMPTS,
    STAGES,
    LANDINGS,
    PACKED,
    ARCHIVED,
    SENT,
    RETRIES,
    POSTPONEMENTS,
    FAILURES,
    DEATHS,
    EXPIRED_LEASES,
    RECOVERIES,
    ACTIONS,
)


def _placed() -> Iterator[tuple[tuple[str, str], int]]:
    column = 0
    for family in CATALOGUE:
        for value in family.values:
            yield (family.name, value), column
            column += family.width


#: The first column of each family's value.
COLUMNS = dict(_placed())
#: Columns in all.
WIDTH = sum(family.width * len(family.values) for family in CATALOGUE)
#: Another number in a release that counts other things, or in another order.
LAYOUT = crc32(repr(CATALOGUE).encode())
