"""What forms send: checked to come from a page of ours before anything acts on it."""

from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from web.errors import refusal
from web.sessions import Role, same
from web.site import Site, site_of

#: Bytes of a form; the longest path is 4,095 bytes, each of which may take three.
MOST = 32 << 10

Form = dict[str, str]
Act = Callable[[Site, Request, Form], Response]


def post(path: str, act: Act, *, least: Role) -> Route:
    """A route for who has that role, by a form of ours or with the secret in a header."""

    async def endpoint(request: Request) -> Response:
        form = await _form(request)
        if form is None:
            return refusal(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The form is too large.")
        if not _is_ours(request, form):
            told = "The form is too old, or of another site: go back, load the page, try again."
            return refusal(request, HTTPStatus.FORBIDDEN, told)
        if request.state.role < least:
            told = "Only an operator may do that: sign in with the operator token."
            return refusal(request, HTTPStatus.FORBIDDEN, told)
        return await run_in_threadpool(act, site_of(request), request, form)

    return Route(path, endpoint, methods=["POST"])


def _is_ours(request: Request, form: Form) -> bool:
    session = request.state.session
    if session.is_program:
        return True
    known = request.state.gate.form_token(session) if session.cookie else ""
    return bool(known) and same(known, form.get("form_token", ""))


async def _form(request: Request) -> Form | None:
    """The fields, each by its last value; None if they are too large."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST:
            return None
    fields = parse_qs(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=20)
    return {name: values[-1] for name, values in fields.items()}
