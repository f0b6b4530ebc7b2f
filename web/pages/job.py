"""The page of a job: its prefix, its figures, and every run."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from web.live import View
from web.query import AGES, EXPORTED, PAGE, STATES, Query, id_of
from web.rendering import cells
from web.rows import Row
from web.site import Site
from web.tables import as_table
from web.timeline import Scale, Story, story_of
from worker.errors import JobNotFound, JobUnusable
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.listing import PROGRESS, RunOfJob, StateFigures, UploadFilter
from worker.models.pace import rate
from worker.models.upload import UploadState


@dataclass(frozen=True, slots=True)
class Summary:
    """A job's figures over all its runs."""

    job_id: int
    prefix: str | None
    """None where the job has no row or no creation time."""
    bucket: str | None
    by_state: dict[UploadState, StateFigures]
    unrequested: int
    rate: float | None
    """Bytes per second of the attempts under way together; None if there are none."""

    @property
    def runs(self) -> int:
        return sum(each.count for each in self.by_state.values()) + self.unrequested

    def count(self, *states: UploadState) -> int:
        return sum(self.by_state[state].count for state in states if state in self.by_state)

    @property
    def gone(self) -> int:
        return sum(each.gone for each in self.by_state.values())

    def total(self, name: str) -> int:
        """The sum of a figure over all states."""
        return sum(getattr(each, name) for each in self.by_state.values())

    @property
    def shares(self) -> list[tuple[str, int]]:
        """The states that runs are in, and how many: what the bar shows."""
        found = [(str(state), each.count) for state, each in self.by_state.items()]
        return [each for each in [*found, ("NOT REQUESTED", self.unrequested)] if each[1]]


def job(site: Site, request: Request) -> View | Response:
    """Answer `/jobs/12`."""
    job_id, query = id_of("job", request.path_params["job"]), Query.of(request.query_params)
    summary = summary_of(site, job_id)
    if query.format:
        every = rows_of(site, job_id, replace(query.chosen, by_run=True))
        return as_table(every, Row.__slots__, query.format, f"job-{job_id}-runs")
    found, now = _page(site, job_id, query)
    macros = cells("rows.html")
    rows = {f"r-{each.run_id}": macros.of_job(_row(job_id, each, now)) for each in found[:PAGE]}
    parts = {"summary": cells("job_parts.html").summary(summary)}
    return View("job.html", _values(summary, query, found), parts, {"runs": rows})


def timeline(site: Site, request: Request) -> View | Response:
    """Answer `/jobs/12/timeline`."""
    job_id, query = id_of("job", request.path_params["job"]), Query.of(request.query_params)
    summary = summary_of(site, job_id)
    found, now = _page(site, job_id, query, with_history=True)
    stories = {each.run_id: story_of(each.upload, now) for each in found[:PAGE] if each.upload}
    if query.format:
        events = (event for story in stories.values() for event in story.events())
        return as_table(events, Story.COLUMNS, query.format, f"job-{job_id}-timeline")
    scale = Scale.over(stories.values(), now)
    macros = cells("timeline_parts.html")
    rows = {f"t-{run}": macros.track(job_id, run, story, scale) for run, story in stories.items()}
    parts = {
        "summary": cells("job_parts.html").summary(summary),
        "axis": macros.axis(scale),
    }
    return View("timeline.html", _values(summary, query, found), parts, {"tracks": rows})


def summary_of(site: Site, job_id: int) -> Summary:
    """Raises JobNotFound for a job without a row, of which no row of ours has told anything."""
    services = site.services
    by_state = services.upload_pages.figures(job_id)
    prefix = None
    try:
        prefix = JobS3Prefix.from_job(services.jobs.get(job_id)).base_prefix
    except JobNotFound:
        if not by_state:
            raise
    except JobUnusable:
        pass  # its runs' reasons say so
    unrequested = services.upload_pages.unrequested(job_id)
    ordered = {state: by_state[state] for state in PROGRESS if state in by_state}
    under_way = UploadFilter((UploadState.UPLOADING,), job_id=job_id)
    sending = services.upload_pages.listed(under_way, limit=PAGE) if by_state else []
    rates = [speed for each in sending if (speed := rate(each))]
    bucket = services.settings.s3_bucket
    return Summary(job_id, prefix, bucket, ordered, unrequested, sum(rates) or None)


def rows_of(site: Site, job_id: int, chosen: UploadFilter) -> Iterator[dict[str, Any]]:
    """Every run of the job that the filter takes."""
    pages = site.services.upload_pages
    now, offset = pages.clock(), 0
    while found := pages.runs_of(job_id, chosen, limit=EXPORTED, offset=offset):
        yield from (_row(job_id, each, now).as_dict() for each in found)
        offset += EXPORTED


def _page(
    site: Site, job_id: int, query: Query, *, with_history: bool = False
) -> tuple[list[RunOfJob], datetime]:
    """The page's runs, one more if there is another page, and the database's time."""
    pages = site.services.upload_pages
    found = pages.runs_of(
        job_id, query.chosen, limit=PAGE + 1, offset=query.offset, with_history=with_history
    )
    return found, pages.clock()


def _values(summary: Summary, query: Query, found: list[RunOfJob]) -> dict[str, Any]:
    return {
        "summary": summary,
        "job_id": summary.job_id,
        "query": query,
        "has_more": len(found) > PAGE,
        "states": STATES,
        "ages": AGES,
        "done": query.done,
    }


def _row(job_id: int, run: RunOfJob, now: datetime) -> Row:
    return Row.of(run.upload, now) if run.upload else Row.unrequested(job_id, run.run_id)
