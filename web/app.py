"""The application: which address leads to which page."""

from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from web import errors
from web.guard import LOOPBACK, Guard
from web.pages import actions, archive, artifacts, job, metrics, overview, run, sign_in, uploads
from web.sessions import Gate
from web.site import Site, live, of_s3
from worker.bootstrap.services import Services
from worker.errors import InvalidSettings, OneprefixError
from worker.models.upload import Upload
from worker.settings import Settings

_STATIC = Path(__file__).with_name("static")
_RUN = "/jobs/{job}/runs/{run}"


def make_app(services: Services, enqueue: Callable[..., Upload], *, host: str) -> Guard:
    """The pages, for an address to listen on; InvalidSettings if the settings do not protect it."""
    settings = services.settings
    require_protected(settings, host)
    hosts = (*LOOPBACK, host, *settings.web_hosts) if host in LOOPBACK else ()
    app = Starlette(
        routes=routes(),
        exception_handlers={
            OneprefixError: errors.of_oneprefix,
            HTTPException: errors.of_http,
            Exception: errors.of_defect,
        },
    )
    app.state.site = Site(services, enqueue)
    # around everything, also the answer to a defect
    return Guard(app, Gate.of(settings), hosts)


def routes() -> list[BaseRoute]:
    """Every address."""
    return [
        live("/", overview.overview),
        live("/uploads", uploads.uploads),
        live("/jobs", uploads.jobs),
        live("/jobs/{job}", job.job),
        live("/jobs/{job}/timeline", job.timeline),
        of_s3("/jobs/{job}/artifacts", artifacts.artifacts),
        of_s3("/jobs/{job}/download", artifacts.download),
        live(_RUN, run.run),
        live("/runs/{run}", run.any_run),
        live("/metrics", metrics.metrics),
        of_s3(f"{_RUN}/download", artifacts.download_results),
        of_s3(f"{_RUN}/files", archive.files),
        of_s3(f"{_RUN}/file", archive.file),
        of_s3(f"{_RUN}/image", archive.image),
        *actions.routes(),
        *sign_in.routes(),
        Mount("/static", StaticFiles(directory=_STATIC)),
    ]


def require_protected(settings: Settings, host: str) -> None:
    """Raise InvalidSettings for an address that others reach, without a password."""
    if host not in LOOPBACK and not settings.web_password:
        raise InvalidSettings(
            f"{host} may be reached by others: set ONEPREFIX_WEB_PASSWORD, or listen on 127.0.0.1"
        )
