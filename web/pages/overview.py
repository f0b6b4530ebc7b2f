"""The first page: what is under way, what waits, what has failed, what has landed."""

from datetime import datetime, timedelta
from itertools import pairwise

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from web.live import View
from web.query import AGES
from web.rendering import cells, duration
from web.rows import Row
from web.site import Site
from web.tables import as_table
from worker.database.uploads.upload_pages import SqlUploadPages
from worker.models.listing import WAITING, HourFigures, UploadFilter
from worker.models.upload import Upload, UploadState

#: Rows of each list; the page of all uploads has the others.
SHOWN = 10
HOURS = 24


def overview(site: Site, request: Request) -> View | Response:
    """Answer `/`; its table as CSV or JSON is that of what has landed by the hour."""
    pages = site.services.upload_pages
    now = pages.clock()
    hours = _hours(pages.landed_by_hour(HOURS), now)
    if wanted := request.query_params.get("format"):
        rows = ({"hour": h.hour, "landed": h.landed, "bytes": h.archive_size} for h in hours)
        return as_table(rows, ("hour", "landed", "bytes"), wanted, "landed-by-hour")
    lists = {
        "in-flight": pages.listed(UploadFilter((UploadState.UPLOADING,)), limit=SHOWN),
        "waiting": pages.listed(UploadFilter(WAITING), limit=SHOWN),
        "failed": pages.listed(UploadFilter((UploadState.FAILED,)), limit=SHOWN),
    }
    refusals = site.services.upload_list.refusals(limit=SHOWN)
    macros = cells("overview_parts.html")
    counts = _counts(pages)
    parts = {
        "figures": macros.figures(counts, hours[-1], sum(each.landed for each in hours)),
        "workers": macros.workers(site.workers.known()),
        "landed": macros.landed(hours, max(1, *(each.landed for each in hours))),
        "ages": macros.ages(_classes(pages.waiting_by_age(list(AGES.values())))),
        **{f"{name}-none": macros.empty(name, bool(found)) for name, found in lists.items()},
    }
    tables = {name: _rows(name, found, now) for name, found in lists.items()}
    jobs = pages.jobs(limit=SHOWN)
    return View("overview.html", {"jobs": jobs, "refusals": refusals}, parts, tables)


def _rows(table: str, found: list[Upload], now: datetime) -> dict[str, Markup]:
    macros = cells("rows.html")
    return {
        f"{table}-{each.job_id}-{each.run_id}": macros.any_job(Row.of(each, now)) for each in found
    }


def _classes(counts: list[int]) -> list[tuple[str, int]]:
    """What each class of ages is called, and how many it has."""
    limits = [duration(seconds) for seconds in AGES.values()]
    between = [f"{shorter} to {longer}" for shorter, longer in pairwise(limits)]
    names = [f"under {limits[0]}", *between, f"over {limits[-1]}"]
    return list(zip(names, counts, strict=True))


def _counts(pages: SqlUploadPages) -> dict[str, int]:
    return {
        "in_flight": pages.count(UploadState.UPLOADING),
        "waiting": pages.count(*WAITING),
        "failed": pages.count(UploadState.FAILED),
    }


def _hours(found: list[HourFigures], now: datetime) -> list[HourFigures]:
    """The last hours, oldest first, also those in which nothing has landed."""
    known = {each.hour: each for each in found}
    names = [f"{now - timedelta(hours=ago):%Y-%m-%d %H}" for ago in reversed(range(HOURS))]
    return [known.get(name, HourFigures(name, 0, 0)) for name in names]
