"""The page of a run: its upload, its attempts, why it stands as it does, what can be done."""

from dataclasses import asdict
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from web.live import View
from web.query import Query, id_of
from web.rendering import cells, form_token
from web.rows import Row
from web.sessions import Role
from web.site import Site
from web.tables import as_table
from web.timeline import Attempt, Scale, story_of
from worker.errors import RunNotInJob
from worker.models.upload import Upload
from worker.models.validation import stored_json


def run(site: Site, request: Request) -> View | Response:
    """Answer `/jobs/12/runs/4`."""
    job_id, run_id = ids(request)
    query = Query.of(request.query_params)
    upload = upload_of(site, job_id, run_id)
    now = site.services.upload_pages.clock()
    row = Row.of(upload, now) if upload else Row.unrequested(job_id, run_id)
    story = story_of(upload, now) if upload else None
    if query.format:
        attempts = [asdict(each) for each in story.attempts] if story else []
        name = f"job-{job_id}-run-{run_id}-attempts"
        return as_table(attempts, Attempt.__slots__, query.format, name)
    macros = cells("run_parts.html")
    scale = Scale.over([story] if story else [], now)
    parts = {
        "state": macros.state(row),
        "facts": macros.facts(row, upload),
        "track": macros.track(job_id, run_id, story, scale) if story else "",
        "attempts": macros.attempts(story.attempts if story else (), now),
    }
    if request.state.role is Role.OPERATOR:
        parts["actions"] = macros.actions(row, form_token(request))
    left_out = stored_json(upload.left_out) if upload else None
    values = {
        "job_id": job_id,
        "run_id": run_id,
        "row": row,
        "upload": upload,
        "left_out": [str(each) for each in left_out] if isinstance(left_out, list) else [],
        "done": query.done,
    }
    return View("run.html", values, parts)


def any_run(site: Site, request: Request) -> Response:
    """Answer `/runs/4`: lead to the run's page, which names its job."""
    found = site.services.runs.get(id_of("run", request.path_params["run"]))
    return RedirectResponse(f"/jobs/{found.job_id}/runs/{found.id}", HTTPStatus.SEE_OTHER)


def ids(request: Request) -> tuple[int, int]:
    """The job and the run of the path."""
    return id_of("job", request.path_params["job"]), id_of("run", request.path_params["run"])


def upload_of(site: Site, job_id: int, run_id: int) -> Upload | None:
    """The run's upload; raises RunNotFound or RunNotInJob for a run that nobody knows."""
    upload = site.services.upload_list.find(job_id, run_id)
    if upload is None:
        found = site.services.runs.get(run_id)
        if found.job_id != job_id:
            told = f"the run belongs to job {found.job_id}"
            raise RunNotInJob(told, job_id=job_id, run_id=run_id)
    return upload
