"""What each request has to pass before a page sees it, and the headers of each answer."""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.errors import refusal
from web.sessions import COOKIE, Gate, Role, Session

#: Reached without a session: what the page for signing in is made of.
OPEN = ("/sign-in", "/static/")
#: Seconds that a wrong secret takes.
PENALTY = 1.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")
#: Everything comes from here, no script or style stands in a page, and nobody frames one.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # not no-referrer, under which a browser hides from us too where a form comes from
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Guard:
    """`hosts`: the names under which the page may be asked for; empty for any."""

    app: ASGIApp
    gate: Gate
    hosts: tuple[str, ...] = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        session = self._session(connection)
        role = max(session.role, self.gate.least)
        scope["state"] = {"session": session, "role": role, "gate": self.gate}
        answer = self._refusal(connection, role) or self.app
        if session.is_program and session.role is Role.VISITOR:  # so that guessing takes long
            await asyncio.sleep(PENALTY)
            answer = refusal(connection, HTTPStatus.UNAUTHORIZED, "That is no secret of this page.")
        await answer(scope, receive, _with_headers(send))

    def _session(self, connection: HTTPConnection) -> Session:
        """The session of the request; one with a secret of its own needs no cookie."""
        scheme, _, secret = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            role = self.gate.role_of(secret.strip()) or Role.VISITOR
            return Session(role, is_program=True)
        return self.gate.session(connection.cookies.get(COOKIE, "")) or Session()

    def _refusal(self, connection: HTTPConnection, role: Role) -> Response | None:
        if self.hosts and _host_name(connection.headers) not in self.hosts:
            # a name that another site made lead here, to read the page from its own scripts
            status = HTTPStatus.MISDIRECTED_REQUEST
            return refusal(connection, status, "This page is not known under that name.")
        if connection.scope["method"] == "POST" and _is_forged(connection):
            status = HTTPStatus.FORBIDDEN
            return refusal(connection, status, "The request comes from another site.")
        is_open = connection.url.path.startswith(OPEN)
        if is_open or role > Role.VISITOR:
            return None
        if connection.scope["method"] in ("GET", "HEAD") and _wants_a_page(connection):
            wanted = connection.url.path + ("?" * bool(connection.url.query)) + connection.url.query
            return RedirectResponse(f"/sign-in?to={quote(wanted)}", HTTPStatus.SEE_OTHER)
        return refusal(connection, HTTPStatus.UNAUTHORIZED, "Sign in first.")


def _host_name(headers: Headers) -> str:
    return (urlsplit("//" + headers.get("host", "")).hostname or "").lower()


def _is_forged(connection: HTTPConnection) -> bool:
    """Whether a browser says that another origin's page sends the request."""
    origin = connection.headers.get("origin")
    site = connection.headers.get("sec-fetch-site", "same-origin")
    own = connection.headers.get("host", "")
    return site not in ("same-origin", "none") or bool(origin and urlsplit(origin).netloc != own)


def _wants_a_page(connection: HTTPConnection) -> bool:
    return "format" not in connection.query_params and "authorization" not in connection.headers


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
