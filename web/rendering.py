"""Templates, and how numbers, times and strangers' texts look in them."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import escape
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse

from web.sessions import Role
from worker.printable import printable, unambiguous
from worker.wording import counted, human_size


def rendered(
    connection: HTTPConnection,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """The page; each knows who asks, and where it is."""
    state = connection.state
    values |= {
        "is_operator": state.role is Role.OPERATOR,
        "is_signed_in": state.session.role is not Role.VISITOR,
        "can_sign_in": bool(state.gate.password or state.gate.operator_token),
        "form_token": form_token(connection),
        "path": connection.url.path,
        "here": Address(connection.url.path, dict(connection.query_params)),
    }
    text = environment().get_template(template).render(values)
    return HTMLResponse(text, status, headers)


def form_token(connection: HTTPConnection) -> str:
    """What the page's forms bring back; empty before there is a session."""
    state = connection.state
    return str(state.gate.form_token(state.session)) if state.session.cookie else ""


class Address:
    """The page's own address with some of its query changed; None takes a value away."""

    def __init__(self, path: str, query: dict[str, str]) -> None:
        self._path = path
        self._query = {name: value for name, value in query.items() if value and name != "done"}

    def __call__(self, **changes: object) -> str:
        query = {k: v for k, v in (self._query | changes).items() if v is not None}
        return self._path + ("?" + urlencode(query) if query else "")


def cells(template: str) -> Any:
    """The macros of a template, as functions."""
    return environment().get_template(template).module


@cache
def environment() -> Environment:
    made = Environment(
        loader=PackageLoader("web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_harmless,
        auto_reload=False,
    )
    made.filters |= {
        "size": human_size,
        "rate": lambda rate: "-" if rate is None else f"{human_size(int(rate))}/s",
        "percent": lambda number: "-" if number is None else f"{int(number)} %",
        "duration": duration,
        "age": lambda seconds: duration(seconds, units=1),
        "clock": lambda moment: f"{moment:%H:%M:%S}",
        "date": lambda moment: f"{moment:%Y-%m-%d}",
        "time": time,
        "number": lambda number: f"{number:,}",
        "lines": lambda text: escape(printable(text, keep="\n\t")),
        "shown": lambda text: escape(printable(text)),
        "slug": lambda state: state.lower().replace(" ", "-"),
        "url": lambda text: quote(text, safe=""),
    }
    made.globals["counted"] = counted
    return made


def _harmless(value: Any) -> Any:
    """What each `{{ }}` prints: a stranger's text with escapes for whatever could mislead."""
    return unambiguous(value) if type(value) is str else value


def duration(seconds: float | None, units: int = 2) -> str:
    """So many units at most: `3 d 4 h`, `12 min`, `8 s`."""
    if seconds is None:
        return "-"
    left = int(seconds)
    parts: list[tuple[int, str]] = []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count or parts:
            parts.append((count, unit))
    shown = [f"{count} {unit}" for count, unit in parts[:units] if count]
    return " ".join(shown) or "0 s"


def time(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"
