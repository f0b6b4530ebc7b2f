"""Signing in with the password or the operator token, and out again."""

import time
from http import HTTPStatus
from threading import BoundedSemaphore

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from web.forms import Form, post
from web.guard import PENALTY
from web.rendering import rendered
from web.sessions import COOKIE, LIFETIME, Role, Session
from web.site import Site

#: Secrets that are tried at a time.
AT_ONCE = 4
_trials = BoundedSemaphore(AT_ONCE)


def routes() -> list[BaseRoute]:
    return [
        Route("/sign-in", page),
        post("/sign-in", sign_in, least=Role.VISITOR),
        post("/sign-out", sign_out, least=Role.VISITOR),
    ]


async def page(request: Request) -> Response:
    return await run_in_threadpool(_asked, request)


def _asked(request: Request, told: str = "", status: int = 200) -> Response:
    """The form; it needs a session of its own, so that no other site can send it."""
    state = request.state
    if not state.session.cookie:
        state.session = state.gate.begin(Role.VISITOR)
    to = request.query_params.get("to", "/")
    answer = rendered(request, "sign_in.html", status=status, to=to, told=told)
    return _with_cookie(request, answer, state.session)


def sign_in(_site: Site, request: Request, form: Form) -> Response:
    if not _trials.acquire(blocking=False):
        told = "Others are trying secrets: try again in a moment."
        return _asked(request, told, HTTPStatus.TOO_MANY_REQUESTS)
    try:
        role = request.state.gate.role_of(form.get("secret", "").strip())
        if role is None:
            time.sleep(PENALTY)
            told = "That is neither the password nor the operator token."
            return _asked(request, told, HTTPStatus.FORBIDDEN)
    finally:
        _trials.release()
    answer = RedirectResponse(_own(form.get("to", "/")), HTTPStatus.SEE_OTHER)
    return _with_cookie(request, answer, request.state.gate.begin(role))


def sign_out(_site: Site, _request: Request, _form: Form) -> Response:
    answer = RedirectResponse("/", HTTPStatus.SEE_OTHER)
    answer.delete_cookie(COOKIE)
    return answer


def _own(address: str) -> str:
    """The address if it is a path of this page, else the first page."""
    is_path = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if is_path and address.isprintable() and "\\" not in address else "/"


def _with_cookie(request: Request, answer: Response, session: Session) -> Response:
    answer.set_cookie(
        COOKIE,
        session.cookie,
        max_age=LIFETIME,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer
