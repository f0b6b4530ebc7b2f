"""The metrics of the whole installation, as Prometheus scrapes them."""

from starlette.requests import Request
from starlette.responses import Response

from web.site import Site


def metrics(site: Site, _request: Request) -> Response:
    """What `oneprefix metrics` prints."""
    found = site.services.metrics()
    return Response(found.body, headers={"content-type": found.content_type})
