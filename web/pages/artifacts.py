"""The objects under a job's prefix, as a tree, and the way to download one."""

from dataclasses import asdict, fields
from datetime import timedelta
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from web.live import View, shown
from web.pages.job import summary_of
from web.pages.run import ids
from web.query import PAGE, Query, id_of
from web.rendering import cells
from web.site import Site
from web.tables import as_table
from worker.errors import InvalidRequest
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.storage_class import NEEDS_RESTORE
from worker.use_cases.job.find import FoundArtifact

#: How long a download may begin after the click.
VALID = timedelta(minutes=5)


def artifacts(site: Site, request: Request) -> Response:
    """Answer `/jobs/12/artifacts`."""
    job_id, query = id_of("job", request.path_params["job"]), Query.of(request.query_params)
    findings = site.services.find_artifacts(job_id)
    if query.format:
        columns = [each.name for each in fields(FoundArtifact)]
        rows = (asdict(each) for each in findings.found)
        return as_table(rows, columns, query.format, f"job-{job_id}-artifacts")
    page = findings.found[query.offset : query.offset + PAGE]
    values = {
        "job_id": job_id,
        "summary": summary_of(site, job_id),
        "findings": findings,
        "branches": _branches(page),
        "query": query,
        "has_more": len(findings.found) > query.offset + PAGE,
        "needs_restore": NEEDS_RESTORE,
    }
    parts = {"summary": cells("job_parts.html").summary(values["summary"])}
    return shown(request, View("artifacts.html", values, parts))


def download(site: Site, request: Request) -> Response:
    """Answer `/jobs/12/download?key=…`: lead to a URL that is signed now, and in no page."""
    job_id, key = id_of("job", request.path_params["job"]), request.query_params.get("key", "")
    if not key:
        raise InvalidRequest("name the key of the object to download")
    found = site.services.locate_artifacts.one(job_id, key, expires_in=VALID)
    return RedirectResponse(found.url, HTTPStatus.FOUND)


def download_results(site: Site, request: Request) -> Response:
    """Answer `/jobs/12/runs/4/download`: as `download`, for the run's archive."""
    job_id, run_id = ids(request)
    key = JobS3Prefix.from_job(site.services.jobs.get(job_id)).run_results_key(run_id)
    found = site.services.locate_artifacts.one(job_id, key, expires_in=VALID)
    return RedirectResponse(found.url, HTTPStatus.FOUND)


def _branches(found: list[FoundArtifact]) -> dict[int | None, list[FoundArtifact]]:
    """By run; the job's own, and what is no artifact, come first."""
    branches: dict[int | None, list[FoundArtifact]] = {}
    for each in sorted(found, key=lambda each: each.run_id or 0):
        branches.setdefault(each.run_id, []).append(each)
    return branches
