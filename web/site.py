"""What all pages share, and how a page is answered."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from anyio import CapacityLimiter, to_thread
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from web.live import Streams, View, shown
from web.workers import Workers, ask_celery
from worker.bootstrap.services import Services
from worker.models.upload import Upload

#: Pages that ask S3 at a time: a slow bucket leaves threads for those that ask SQL alone.
ASKING_S3 = 4


@dataclass(frozen=True)
class Site:
    services: Services
    enqueue: Callable[..., Upload]
    """As `tasks.enqueue`."""
    workers: Workers = field(default_factory=lambda: Workers(ask_celery))
    streams: Streams = field(default_factory=Streams)
    s3_limit: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(ASKING_S3))


def site_of(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


Page = Callable[[Site, Request], View | Response]


def live(path: str, page: Page) -> Route:
    """A page of SQL's, which its own address with `?live` follows."""

    async def endpoint(request: Request) -> Response:
        site = site_of(request)
        make = partial(page, site, request)
        if "live" in request.query_params:
            # an operator's parts hold a token of the session
            key = request.url.path, request.url.query, request.state.session
            return site.streams.answer(key, make)
        return shown(request, await run_in_threadpool(make))

    return Route(path, endpoint)


def of_s3(path: str, page: Callable[[Site, Request], Response]) -> Route:
    """A page that asks S3."""

    async def endpoint(request: Request) -> Response:
        site = site_of(request)
        return await to_thread.run_sync(page, site, request, limiter=site.s3_limit)

    return Route(path, endpoint)
