"""What deleting or moving a job's artifacts writes to the database."""

import re
from dataclasses import dataclass
from datetime import datetime

_RECORD = re.compile(r"deleted by .*, see number (\d+) of `deletions`\Z", re.DOTALL)


def deletion_reason(who: str, record: int) -> str:
    """Say who deleted a run's results, for the upload's row; `record` is an id of `deletions`."""
    return f"deleted by {who}, see number {record} of `deletions`"


def deletion_record(reason: str | None) -> int | None:
    """The id of `deletions` that the end of a row's reason names; None if it names none."""
    match = _RECORD.search(reason or "")
    return int(match[1]) if match else None


@dataclass(frozen=True, slots=True)
class Deletion:
    """What is about to be deleted for good."""

    job_id: int
    bucket: str
    prefix: str
    objects: int
    """Objects, versions of them and delete markers."""
    bytes: int
    incomplete_uploads: int
    until: datetime
    """Objects that were created later, on S3's clock, stay."""
    elsewhere: tuple[str, ...] = ()
    """Other buckets where rows say that results of the job lie; nothing is deleted there."""


@dataclass(frozen=True, slots=True)
class DeletionRecord:
    """What the table `deletions` tells of one deletion."""

    id: int
    job_id: int
    bucket: str
    prefix: str
    who: str
    order_id: str | None
    objects: int
    bytes: int
    begun_at: datetime
    finished_at: datetime | None
    failures: int | None
    """Objects that could not be deleted; None while the deletion goes on, or if it was cut off."""


@dataclass(frozen=True, slots=True)
class Relocation:
    """Where a run's results lie from now on."""

    job_id: int
    run_id: int
    fence: int | None
    """The fence of its upload when that was looked at; None if there was no upload."""
    was: frozenset[str]
    """The URLs that name the former location."""
    to: str | None
    """The URL of the new location; None if the results are gone."""
    why: str
    """The reason, for the upload's row."""
