"""An order about all artifacts of one job, given by a message and kept in SQL until it is over."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from worker.errors import InvalidRequest
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.storage_class import RestoreTier, StorageClass
from worker.models.upload_request import storable, storable_id
from worker.models.validation import positive_id


@dataclass(frozen=True, slots=True)
class VerifyOrder:
    job_id: int
    run_id: int | None = None
    deep: bool = False

    def __post_init__(self) -> None:
        if self.run_id is not None:
            storable_id("run id", self.run_id)


@dataclass(frozen=True, slots=True)
class ArchiveOrder:
    job_id: int
    storage_class: str = StorageClass.GLACIER
    older_than_days: float = 0
    to_bucket: str | None = None

    def __post_init__(self) -> None:
        StorageClass(self.storage_class)
        timedelta(days=self.older_than_days)


@dataclass(frozen=True, slots=True)
class RestoreOrder:
    job_id: int
    days: int
    tier: str = RestoreTier.STANDARD
    bucket: str | None = None

    def __post_init__(self) -> None:
        positive_id("days", self.days)
        RestoreTier(self.tier)


@dataclass(frozen=True, slots=True)
class DeleteOrder:
    """`confirm`: the job's id once more, as text. `prefix`: the job's, where its row is gone.

    `who`: for the record of deletions, if the order's row does not tell who gave it.
    """

    job_id: int
    confirm: str
    who: str = ""
    bucket: str | None = None
    prefix: str | None = None

    def __post_init__(self) -> None:
        if self.confirm != str(self.job_id):
            raise InvalidRequest("confirm is not the job's id")
        if self.prefix is not None and JobS3Prefix.parse(self.prefix).job_id != self.job_id:
            raise InvalidRequest(f"{self.prefix} is the prefix of another job")


@dataclass(frozen=True, slots=True)
class MigrateOrder:
    job_id: int


What = VerifyOrder | ArchiveOrder | RestoreOrder | DeleteOrder | MigrateOrder


class OrderKind(StrEnum):
    VERIFY = "verify"
    ARCHIVE = "archive"
    RESTORE = "restore"
    DELETE = "delete"
    MIGRATE = "migrate"


KINDS: dict[str, type[What]] = {
    OrderKind.VERIFY: VerifyOrder,
    OrderKind.ARCHIVE: ArchiveOrder,
    OrderKind.RESTORE: RestoreOrder,
    OrderKind.DELETE: DeleteOrder,
    OrderKind.MIGRATE: MigrateOrder,
}


def read(kind: str, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> What:
    """The order of that kind with these arguments; raises InvalidRequest."""
    if kind not in KINDS:
        raise InvalidRequest(storable(f"{kind!r:.100} is no order: those are {', '.join(KINDS)}"))
    try:
        what = KINDS[kind](*arguments, **keywords)
        storable_id("job id", what.job_id)
        json.dumps(asdict(what))
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidRequest(storable(f"this is no order to {kind}: {error}")) from error
    return what


def named_bucket(what: What) -> Any:
    """The bucket that the order names, as it is named; None if it names none."""
    match what:
        case (
            ArchiveOrder(to_bucket=bucket)
            | RestoreOrder(bucket=bucket)
            | DeleteOrder(bucket=bucket)
        ):
            return bucket
        case VerifyOrder() | MigrateOrder():
            return None


class OrderState(StrEnum):
    REQUESTED = "REQUESTED"
    RUNNING = "RUNNING"
    RETRYING = "RETRYING"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_over(self) -> bool:
        return self in (OrderState.DONE, OrderState.FAILED, OrderState.CANCELLED)


@dataclass(frozen=True, slots=True)
class OrderMessage:
    """The content of an order's message: arguments of any type, as a producer sent them."""

    id: str
    kind: str
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]
    given_at: datetime | None = None
    """When the order was given, or for when; None if the message does not tell."""
    follow_up: str | None = None
    """What is to happen once the order is over; only the door for messages reads it."""

    def read(self) -> What:
        """What the message orders; raises InvalidRequest."""
        return read(self.kind, self.arguments, self.keywords)

    @property
    def job_id(self) -> object:
        """What stands in the place of the job's id."""
        return self.keywords.get("job_id", next(iter(self.arguments), None))


@dataclass(frozen=True, slots=True)
class Order:
    """One row of `orders`. Whoever holds it with the current `fence` holds the lease."""

    id: str
    """The id of the message that gave it."""
    kind: str
    job_id: int | None
    """None if the order was refused for its id."""
    arguments: str
    """JSON by keyword; wrong ones, in a row that a program wrote, make the order fail."""
    state: OrderState = OrderState.REQUESTED
    given_at: datetime | None = None
    """The order concerns nothing younger."""
    given_by: str | None = None
    """Who gave it, by their own word."""
    given_as: str | None = None
    """The role of the database that wrote the row, where the database has roles."""
    age: float = 0.0
    """Seconds since then, on the database's clock, when the row was read."""
    owner: str | None = None
    fence: int = 0
    attempt: int = 0
    done: int = 0
    """Objects, or runs."""
    total: int | None = None
    result: Mapping[str, int] | None = None
    """How many objects, or runs, ended how."""
    error: str | None = None
    follow_up: str | None = None
    next_attempt_at: datetime | None = None
    updated_at: datetime | None = None

    def read(self) -> What:
        """What the row orders; raises InvalidRequest."""
        try:
            arguments = json.loads(self.arguments)
        except ValueError as error:
            raise InvalidRequest(f"its arguments are no JSON: {error}") from error
        return read(self.kind, (), arguments)

    @property
    def title(self) -> str:
        """What a log line calls it."""
        return f"job {self.job_id}: {self.kind}"
