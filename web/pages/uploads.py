"""Uploads of all jobs, by state, job and age; and the jobs."""

from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from web.live import View
from web.query import AGES, EXPORTED, PAGE, STATES, UNREQUESTED, Query
from web.rendering import cells
from web.rows import Row
from web.site import Site
from web.tables import as_table
from worker.models.job import Job
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.listing import ListedJob, UploadFilter
from worker.models.upload import UploadState

#: Rows of a table's CSV or JSON where it has no other end; the latest, or those that wait longest.
MOST_ROWS = 100_000
JOBS = 50
#: What the filter offers: only a job has runs without uploads.
OF_UPLOADS = [each for each in STATES if each != UNREQUESTED]


def uploads(site: Site, request: Request) -> View | Response:
    """Answer `/uploads`."""
    query = Query.of(request.query_params)
    pages = site.services.upload_pages
    now = pages.clock()
    if query.format:
        every = rows_of(site, query.chosen)
        return as_table(every, Row.__slots__, query.format, "uploads")
    found = pages.listed(query.chosen, limit=PAGE + 1, offset=query.offset)
    macros = cells("rows.html")
    rows = {
        f"u-{each.job_id}-{each.run_id}": macros.any_job(Row.of(each, now)) for each in found[:PAGE]
    }
    values = {"query": query, "has_more": len(found) > PAGE, "states": OF_UPLOADS, "ages": AGES}
    return View("uploads.html", values, {}, {"uploads": rows})


def rows_of(site: Site, chosen: UploadFilter) -> Iterator[dict[str, Any]]:
    pages = site.services.upload_pages
    now = pages.clock()
    for offset in range(0, MOST_ROWS, EXPORTED):
        found = pages.listed(chosen, limit=EXPORTED, offset=offset)
        yield from (Row.of(each, now).as_dict() for each in found)
        if len(found) < EXPORTED:
            return


def jobs(site: Site, request: Request) -> View | Response:
    """Answer `/jobs`."""
    query = Query.of(request.query_params)
    pages = site.services.upload_pages
    if query.format:
        found = pages.jobs(limit=MOST_ROWS)
        columns = ("job_id", "created_at", "prefix", *UploadState)
        return as_table(map(_row, found), columns, query.format, "jobs")
    found = pages.jobs(limit=JOBS + 1, offset=(query.page - 1) * JOBS)
    values = {
        "rows": [(each, prefix(each)) for each in found[:JOBS]],
        "query": query,
        "has_more": len(found) > JOBS,
    }
    return View("jobs.html", values)


def prefix(job: ListedJob) -> str | None:
    if job.created_at is None:
        return None
    return JobS3Prefix.from_job(Job(job.id, job.created_at)).base_prefix


def _row(job: ListedJob) -> dict[str, Any]:
    counts = {str(state): job.counts.get(state, 0) for state in UploadState}
    return {"job_id": job.id, "created_at": job.created_at, "prefix": prefix(job)} | counts
