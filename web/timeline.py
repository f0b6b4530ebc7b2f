"""What happened to an upload and when, as marks and bars on a common scale."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from worker.models.history import past_attempts
from worker.models.upload import Upload, UploadState

#: A history has times in milliseconds, which the row has more precisely.
SAME = timedelta(milliseconds=2)
_ENDS = {
    UploadState.LANDED: "landed",
    UploadState.FAILED: "failed",
    UploadState.CANCELLED: "cancelled",
}


@dataclass(frozen=True, slots=True)
class Attempt:
    number: int
    begun_at: datetime | None
    ended_at: datetime | None
    """None while it is under way."""
    reason: str | None
    """Why it ended; None for one that landed or is under way."""


@dataclass(frozen=True, slots=True)
class Mark:
    kind: str
    """finished, requested, retry, landed, failed or cancelled."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Story:
    job_id: int
    run_id: int
    attempts: tuple[Attempt, ...]
    marks: tuple[Mark, ...]
    now: datetime

    COLUMNS: ClassVar = ("job_id", "run_id", "event", "at", "attempt", "reason")

    def events(self) -> Iterator[dict[str, Any]]:
        """Every mark, begin and end as a row, by time."""
        told: list[tuple[datetime, str, int | None, str | None]] = [
            (each.at, each.kind, None, None) for each in self.marks if each.kind != "retry"
        ]
        for each in self.attempts:
            if each.begun_at:
                told.append((each.begun_at, "started", each.number, None))
            if each.ended_at and each.reason:
                told.append((each.ended_at, "ended", each.number, each.reason))
        for at, event, attempt, reason in sorted(told, key=lambda event: event[0]):
            row = (self.job_id, self.run_id, event, at, attempt, reason)
            yield dict(zip(self.COLUMNS, row, strict=True))

    @property
    def times(self) -> list[datetime]:
        spans = [time for each in self.attempts for time in (each.begun_at, each.ended_at) if time]
        return [each.at for each in self.marks] + spans


def story_of(upload: Upload, now: datetime) -> Story:
    attempts = tuple(attempts_of(upload))
    marks = [Mark("requested", upload.requested_at)] if upload.requested_at else []
    kind = _ENDS.get(upload.state)
    retried = attempts[:-1] if upload.state is UploadState.FAILED else attempts
    marks += [Mark("retry", each.ended_at) for each in retried if each.reason and each.ended_at]
    ended_at = upload.landed_at if kind == "landed" else upload.updated_at
    if kind and ended_at:
        marks.append(Mark(kind, ended_at))
    return Story(upload.job_id, upload.run_id, attempts, tuple(marks), now)


def attempts_of(upload: Upload) -> Iterator[Attempt]:
    """The attempts that the row tells of, oldest first."""
    last = None
    for past in past_attempts(upload.history):
        last = past.begun_at
        yield Attempt(past.number, past.begun_at, past.ended_at, past.reason)
    begun_at = upload.begun_at
    if begun_at is None or (last and abs(begun_at - last) < SAME):
        return
    if upload.state is UploadState.UPLOADING:
        yield Attempt(upload.attempt, begun_at, None, None)
    elif upload.state in _ENDS:
        ended_at = upload.landed_at if upload.state is UploadState.LANDED else upload.updated_at
        yield Attempt(upload.attempt, begun_at, ended_at, None)


@dataclass(frozen=True, slots=True)
class Scale:
    """The times from the left to the right of a page's tracks."""

    first: datetime
    last: datetime

    @classmethod
    def over(cls, stories: Iterable[Story], now: datetime) -> Self:
        told = list(stories)
        times = [time for story in told for time in story.times]
        if any(each.ended_at is None for story in told for each in story.attempts):
            times.append(now)
        first, last = min(times, default=now), max(times, default=now)
        return cls(first, max(last, first + timedelta(seconds=1)))

    def at(self, time: datetime) -> float:
        """Percent of the width, with a margin in which a mark at an end is still seen."""
        share = (time - self.first) / (self.last - self.first)
        return round(1.5 + 97.0 * min(max(share, 0.0), 1.0), 3)

    def width(self, begun_at: datetime, ended_at: datetime) -> float:
        return round(max(0.3, self.at(ended_at) - self.at(begun_at)), 3)

    @property
    def ticks(self) -> list[datetime]:
        """Five times, at equal distances."""
        return [self.first + (self.last - self.first) * number / 4 for number in range(5)]
