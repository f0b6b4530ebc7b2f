"""What an operator does: retry, cancel, enqueue again."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from web.forms import Form, post
from web.pages.run import ids, upload_of
from web.query import done, id_of
from web.rendering import rendered
from web.sessions import Role
from web.site import Site
from worker.errors import InvalidRequest
from worker.models.upload import UploadState
from worker.use_cases.requests.retry_failed import retry_failed

#: Uploads that one click asks for again.
MOST = 1000
_RUN = "/jobs/{job}/runs/{run}"


def routes() -> list[BaseRoute]:
    return [
        post(f"{_RUN}/retry", retry_run, least=Role.OPERATOR),
        post(f"{_RUN}/cancel", cancel_run, least=Role.OPERATOR),
        post(f"{_RUN}/enqueue", enqueue_run, least=Role.OPERATOR),
        post("/jobs/{job}/retry", retry_job, least=Role.OPERATOR),
        post("/jobs/{job}/cancel", cancel_job, least=Role.OPERATOR),
    ]


def retry_run(site: Site, request: Request, _form: Form) -> Response:
    job_id, run_id = ids(request)
    return _retried(site, f"/jobs/{job_id}/runs/{run_id}", job_id, run_id)


def retry_job(site: Site, request: Request, _form: Form) -> Response:
    job_id = id_of("job", request.path_params["job"])
    return _retried(site, f"/jobs/{job_id}", job_id, None)


def cancel_run(site: Site, request: Request, _form: Form) -> Response:
    job_id, run_id = ids(request)
    return _cancelled(site, request, f"/jobs/{job_id}/runs/{run_id}", job_id, run_id)


def cancel_job(site: Site, request: Request, form: Form) -> Response:
    """Cancel all of a job's uploads that are not over, once that was confirmed."""
    job_id = id_of("job", request.path_params["job"])
    if form.get("confirmed") != "yes":
        figures = site.services.upload_pages.figures(job_id)
        count = sum(each.count for state, each in figures.items() if not state.is_over)
        return rendered(request, "confirm.html", job_id=job_id, count=count)
    return _cancelled(site, request, f"/jobs/{job_id}", job_id, None)


def enqueue_run(site: Site, request: Request, form: Form) -> Response:
    """Ask for a run's upload: again, with the path of its row, or for the first time."""
    job_id, run_id = ids(request)
    upload = upload_of(site, job_id, run_id)
    path = form.get("path", "").strip() or (upload.path if upload else "")
    if not path:
        raise InvalidRequest("name the run's results directory", job_id=job_id, run_id=run_id)
    has_landed = upload is not None and upload.landed_at is not None
    site.enqueue(job_id, run_id, path, replace=has_landed)
    return _back(f"/jobs/{job_id}/runs/{run_id}", done("requested", 1))


def _retried(site: Site, to: str, job_id: int, run_id: int | None) -> Response:
    failed = site.services.upload_list.uploads(job_id, run_id, state=UploadState.FAILED, limit=MOST)
    asked, refused = retry_failed(failed, site.enqueue)
    return _back(to, done("requested", len(asked), len(refused)))


def _cancelled(site: Site, request: Request, to: str, job_id: int, run_id: int | None) -> Response:
    host = request.client.host if request.client else "somewhere"
    who = f"an operator of the web page, from {host}"
    cancelled = site.services.cancel_uploads.of_job(job_id, run_id, who=who)
    return _back(to, done("cancelled", len(cancelled)))


def _back(to: str, told: str) -> Response:
    return RedirectResponse(f"{to}?{told}", HTTPStatus.SEE_OTHER)
