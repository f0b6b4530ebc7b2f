"""A browser's half of HTTP: cookies, forms and no redirection that a test does not see."""

import json
import re
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlencode, urlsplit


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Client:
    address: str
    cookies: dict[str, str] = field(default_factory=dict)

    def __call__(self, path: str, form: dict[str, str] | None = None, /, **headers: str) -> Answer:
        """GET, or POST the form; a header's name has underscores for hyphens."""
        connection, answer = self._ask(path, form, headers)
        with connection_closed(connection):
            told = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, told, answer.read())

    def stream(self, path: str) -> tuple[HTTPConnection, HTTPResponse]:
        """An answer that goes on until its connection is closed."""
        return self._ask(path, None, {})

    def sign_in(self, secret: str) -> Answer:
        page = self("/sign-in")
        return self("/sign-in", {"form_token": token_of(page), "secret": secret, "to": "/jobs"})

    def _ask(
        self, path: str, form: dict[str, str] | None, headers: dict[str, str]
    ) -> tuple[HTTPConnection, HTTPResponse]:
        connection = HTTPConnection(urlsplit(self.address).netloc, timeout=20)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = None
        if form is not None:
            body = urlencode(form)
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request("GET" if form is None else "POST", path, body, sent)
        answer = connection.getresponse()
        for cookie in answer.msg.get_all("Set-Cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value.strip('"')
        return connection, answer


class connection_closed:  # noqa: N801  it reads as a statement
    def __init__(self, connection: HTTPConnection) -> None:
        self._connection = connection

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def token_of(page: Answer) -> str:
    found = re.search(r'name="form_token" value="([^"]*)"', page.text)
    assert found, page.text
    return found[1]
