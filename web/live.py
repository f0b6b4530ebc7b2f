"""Pages that follow what happens: server-sent events with the parts that have changed."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Hashable
from dataclasses import dataclass, field
from http import HTTPStatus
from time import monotonic
from typing import Any

from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from web.rendering import rendered
from worker.errors import OneprefixError

#: Streams at a time; a browser that gets none tries again every ten seconds.
MOST = 32
#: Seconds between two looks, and until a stream ends and the browser opens another one.
EVERY, LONGEST = 1.0, 3600.0


@dataclass(frozen=True, slots=True)
class View:
    """A page, and the parts of it that change: inner HTML by the id of its element."""

    template: str
    values: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, Markup] = field(default_factory=dict)
    tables: dict[str, dict[str, Markup]] = field(default_factory=dict)
    """By the id of a table's body: inner HTML of each row, by the row's id."""

    def table(self, name: str) -> Markup:
        """All rows of a table's body."""
        return Markup("").join(
            Markup('<tr id="{}">{}</tr>\n').format(row, html)
            for row, html in self.tables[name].items()
        )

    def changed(self, before: "View | None") -> dict[str, Markup]:
        """What differs: parts, and of each table its rows, or all of it if other rows are in it."""
        old = before or View(self.template)
        found = {name: html for name, html in self.parts.items() if old.parts.get(name) != html}
        for name, rows in self.tables.items():
            known = old.tables.get(name, {})
            if list(known) == list(rows):
                found |= {row: html for row, html in rows.items() if known[row] != html}
            else:
                found[name] = self.table(name)
        return found


Make = Callable[[], View | Response]


@dataclass
class _Shared:
    """The latest view of one page, made once for all who watch it."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    made_at: float = 0.0
    view: View | None = None
    watchers: int = 0


class Streams:
    def __init__(self, *, most: int = MOST, every: float = EVERY) -> None:
        self._most = most
        self._every = every
        self._shared: dict[Hashable, _Shared] = {}

    @property
    def count(self) -> int:
        return sum(each.watchers for each in self._shared.values())

    def answer(self, key: Hashable, make: Make) -> Response:
        if self.count >= self._most:
            told = "too many pages are watched at once"
            return PlainTextResponse(told, HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "10"})
        unbuffered = {"X-Accel-Buffering": "no"}
        events = self._events(key, make)
        return StreamingResponse(events, media_type="text/event-stream", headers=unbuffered)

    async def _events(self, key: Hashable, make: Make) -> AsyncIterator[str]:
        shared = self._shared.setdefault(key, _Shared())
        shared.watchers += 1
        before, until = None, monotonic() + LONGEST
        try:
            while monotonic() < until:
                try:
                    view = await self._look(shared, make)
                except OneprefixError as error:
                    yield _event("trouble", str(error))
                    await asyncio.sleep(5 * self._every)
                    continue
                if view is None:
                    return
                # also when nothing has changed: it tells a dead connection from a quiet one
                yield _event("change", view.changed(before))
                before = view
                await asyncio.sleep(self._every)
        finally:
            shared.watchers -= 1
            if not shared.watchers:
                self._shared.pop(key, None)

    async def _look(self, shared: _Shared, make: Make) -> View | None:
        async with shared.lock:
            if monotonic() - shared.made_at >= self._every / 2:
                made = await run_in_threadpool(make)
                shared.view = made if isinstance(made, View) else None
                shared.made_at = monotonic()
            return shared.view


def _event(kind: str, told: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps(told)}\n\n"


def shown(request: Request, view: View | Response) -> Response:
    """The view as a page; an answer of another kind as it is."""
    if isinstance(view, Response):
        return view
    return rendered(request, view.template, view=view, **view.values)
