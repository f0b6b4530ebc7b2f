"""Read `uploads` for pages: a limited number of rows at a time, and figures in one statement."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    and_,
    case,
    cast,
    func,
    literal,
    not_,
    or_,
    select,
    union_all,
)

from worker.database.tables import jobs, runs, uploads
from worker.database.types import now, utc_hour
from worker.database.uploads.conditions import UPLOAD
from worker.database.uploads.upload_list import HAS_IDS, URGENCY, SqlUploadList
from worker.models.listing import (
    PROGRESS,
    WAITING,
    HourFigures,
    ListedJob,
    RunOfJob,
    StateFigures,
    UploadFilter,
)
from worker.models.upload import Upload, UploadState

#: Characters of a reason that a list shows; a run's own page has all of it.
SHORT = 300
#: A list needs neither tracebacks nor the names of what was left out; a timeline, the history.
_LISTED = [
    func.substr(each, 1, SHORT).label("error") if each.name == "error" else each
    for each in UPLOAD
    if each.name not in ("traceback", "left_out", "history")
]
_WITH_HISTORY = [*_LISTED, uploads.c.history]


class SqlUploadPages(SqlUploadList):
    def clock(self) -> datetime:
        """The database's time, by which rows are written."""
        [(time,)] = self._rows(select(now()))
        return time

    def figures(self, job_id: int) -> dict[UploadState, StateFigures]:
        """A job's figures by state; a state without uploads is left out."""
        is_gone = (uploads.c.state == UploadState.LANDED) & uploads.c.results_url.is_(None)
        query = (
            select(
                uploads.c.state,
                func.count(),
                func.count().filter(is_gone),
                _sum(uploads.c.bytes_done),
                _sum(uploads.c.bytes_total),
                _sum(uploads.c.archive_size),
                func.min(uploads.c.requested_at),
                func.max(uploads.c.landed_at),
            )
            .where(HAS_IDS, uploads.c.job_id == job_id)
            .group_by(uploads.c.state)
        )
        return {UploadState(row[0]): StateFigures(*row[1:]) for row in self._rows(query)}

    def unrequested(self, job_id: int) -> int:
        """The number of the job's runs that nobody has asked an upload for."""
        [(count,)] = self._rows(_unrequested(job_id).with_only_columns(func.count()))
        return count

    def runs_of(
        self,
        job_id: int,
        chosen: UploadFilter,
        *,
        limit: int,
        offset: int = 0,
        with_history: bool = False,
    ) -> list[RunOfJob]:
        """The job's runs that the filter takes, also those that only `uploads` has."""
        rank = case({state.value: at for at, state in enumerate(URGENCY)}, value=uploads.c.state)
        asked_for = select(uploads.c.run_id.label("id"), rank.label("rank"))
        parts: list[Select[Any]] = [asked_for.where(_taken_by(chosen, job_id))]
        others = _unrequested(job_id).add_columns(literal(len(URGENCY)).label("rank"))
        if chosen.unrequested:
            parts = [others]
        elif not chosen.states and chosen.older_than is None:
            parts.append(others)
        found = union_all(*parts).subquery()
        order = [found.c.id] if chosen.by_run else [found.c.rank, found.c.id]
        query = select(found.c.id).order_by(*order).limit(limit).offset(offset)
        ids = [run_id for (run_id,) in self._rows(query)]
        asked = and_(HAS_IDS, uploads.c.job_id == job_id, uploads.c.run_id.in_(ids))
        columns = _WITH_HISTORY if with_history else _LISTED
        rows = {each.run_id: each for each in self._listed(select(*columns).where(asked))}
        return [RunOfJob(run_id, rows.get(run_id)) for run_id in ids]

    def listed(self, chosen: UploadFilter, *, limit: int, offset: int = 0) -> list[Upload]:
        """Uploads of all jobs or one: those that wait oldest first, others by their latest change.

        Without a state, the latest requests come first, as indexes have them.
        """
        query = select(*_LISTED).where(_taken_by(chosen, chosen.job_id))
        query = query.order_by(*_order(chosen.states))
        return self._listed(query.limit(limit).offset(offset))

    def waiting_by_age(self, limits: Sequence[float]) -> list[int]:
        """How many wait for less than each of the ages, in seconds, and how many for longer."""
        age = case(
            *((uploads.c.requested_at > now(-each), at) for at, each in enumerate(limits)),
            else_=len(limits),
        )
        query = select(age, func.count()).where(HAS_IDS, _is_in(*WAITING))
        found: dict[int, int] = {row[0]: row[1] for row in self._rows(query.group_by(age))}
        return [found.get(at, 0) for at in range(len(limits) + 1)]

    def count(self, *states: UploadState) -> int:
        query = select(func.count()).where(HAS_IDS, _is_in(*states))
        [(count,)] = self._rows(query)
        return count

    def landed_by_hour(self, hours: float) -> list[HourFigures]:
        """What has landed in the last hours, by hour in UTC; an hour without any is left out."""
        hour = utc_hour(uploads.c.landed_at).label("hour")
        query = (
            select(hour, func.count(), _sum(uploads.c.archive_size))
            .where(_is_in(UploadState.LANDED), uploads.c.landed_at >= now(-3600 * hours))
            .group_by(hour)
            .order_by(hour)
        )
        return [HourFigures(*row) for row in self._rows(query)]

    def jobs(self, *, limit: int, offset: int = 0) -> list[ListedJob]:
        """Jobs, the latest ids first, with how many of their uploads are in each state."""
        query = select(jobs.c.id, jobs.c.created_at).order_by(jobs.c.id.desc())
        found = self._rows(query.limit(limit).offset(offset))
        counted = (
            select(uploads.c.job_id, uploads.c.state, func.count())
            .where(HAS_IDS, uploads.c.job_id.in_([row[0] for row in found]))
            .group_by(uploads.c.job_id, uploads.c.state)
        )
        counts = {(row[0], row[1]): row[2] for row in self._rows(counted)}
        return [
            ListedJob(
                *row,
                {each: counts[row[0], each] for each in PROGRESS if (row[0], each) in counts},
            )
            for row in found
        ]

    def _listed(self, query: Select[Any]) -> list[Upload]:
        found = [
            Upload(**row._asdict() | {"state": UploadState(row.state)}) for row in self._rows(query)
        ]
        return self.with_deletions(found)


def _is_in(*states: UploadState) -> ColumnElement[bool]:
    """The upload is in one of the states, said so that the index of each is used."""
    return or_(*(uploads.c.state == literal(state.value, literal_execute=True) for state in states))


def _order(states: tuple[UploadState, ...]) -> list[ColumnElement[Any]]:
    """As the indexes have it, then by id."""
    match states:
        case ():
            return [uploads.c.id.desc()]
        case (UploadState.LANDED,):
            return [uploads.c.landed_at.desc(), uploads.c.id.desc()]
        case (state, *_) if not state.is_over:
            return [uploads.c.requested_at, uploads.c.id]
    return [uploads.c.updated_at.desc(), uploads.c.id.desc()]


def _sum(column: ColumnElement[Any]) -> ColumnElement[int]:
    """The sum, 0 of nothing; PostgreSQL's sum of BIGINT would be a NUMERIC."""
    return cast(func.coalesce(func.sum(column), 0), BigInteger)


def _unrequested(job_id: int) -> Select[Any]:
    asked = select(uploads.c.id).where(uploads.c.job_id == job_id, uploads.c.run_id == runs.c.id)
    return select(runs.c.id.label("id")).where(runs.c.job_id == job_id, not_(asked.exists()))


def _taken_by(chosen: UploadFilter, job_id: int | None) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [HAS_IDS]
    if job_id is not None:
        conditions.append(uploads.c.job_id == job_id)
    if chosen.states:
        conditions.append(_is_in(*chosen.states))
    if chosen.older_than is not None:
        conditions.append(uploads.c.requested_at <= now(-chosen.older_than))
    return and_(*conditions)
