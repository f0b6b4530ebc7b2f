"""Pages follow what happens, by streams that end and are bounded."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from typing import Any

import pytest
from markupsafe import Markup
from sqlalchemy import update

from tests.end_to_end.cluster import eventually
from tests.web.client import Client
from tests.web.conftest import Site
from tests.web.sample import add_sample
from web.live import MOST, Streams, View
from web.workers import Known, Workers
from worker.database.engine import transaction
from worker.database.tables import uploads
from worker.database.types import now
from worker.errors import DatabaseUnavailable
from worker.models.upload import UploadState


@contextmanager
def watched(ask: Client, path: str) -> Iterator[HTTPResponse]:
    connection, answer = ask.stream(path)
    try:
        yield answer
    finally:
        connection.close()
        answer.close()


def event(answer: HTTPResponse) -> tuple[str, Any]:
    """The next event's kind and data."""
    kind = answer.readline().decode().removeprefix("event: ").strip()
    data = json.loads(answer.readline().decode().removeprefix("data: "))
    assert answer.readline() == b"\n"
    return kind, data


def set_row(site: Site, run_id: int, **values: Any) -> None:
    with transaction(site.engine) as connection:
        connection.execute(update(uploads).where(uploads.c.run_id == run_id).values(values))


def test_a_stream_sends_what_has_changed_and_nothing_else(site: Site) -> None:
    add_sample(site.engine)
    with site.open() as ask, watched(ask, "/jobs/12?sort=run&live=1") as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        kind, first = event(answer)
        assert kind == "change"
        assert {"summary", "runs"} == set(first)
        set_row(site, 32, state=UploadState.FAILED, error="job 12, run 32: broken <b>")
        changes: dict[str, str] = {}
        while "r-32" not in changes:
            kind, changes = event(answer)
            assert kind == "change"
            assert "runs" not in changes
            assert "r-1" not in changes
    assert "FAILED" in changes["r-32"]
    assert "broken &lt;b&gt;" in changes["r-32"]
    assert "summary" in changes


def test_a_row_that_comes_or_goes_sends_its_table_anew(site: Site) -> None:
    add_sample(site.engine)
    with site.open() as ask, watched(ask, "/uploads?state=FAILED&live=1") as answer:
        _, first = event(answer)
        assert first["uploads"].count("<tr") == 3
        set_row(site, 32, state=UploadState.FAILED, updated_at=now())
        changes: dict[str, str] = {}
        while "uploads" not in changes:
            _, changes = event(answer)
    assert changes["uploads"].count("<tr") == 4


def test_a_stream_ends_when_its_reader_leaves_and_too_many_are_refused(site: Site) -> None:
    add_sample(site.engine)
    with site.open() as ask:
        streams = [ask.stream("/?live=1") for _ in range(MOST)]
        for _, answer in streams:
            event(answer)
        refused = ask("/?live=1")
        assert refused.status == 503
        assert refused.headers["retry-after"]
        assert ask("/").status == 200
        for connection, answer in streams:
            connection.close()
            answer.close()

        def is_free() -> bool:
            with watched(ask, "/?live=1") as answer:
                return answer.status == 200

        assert eventually(is_free, "the streams have ended", patience=10)


def test_one_look_serves_all_who_watch_a_page() -> None:
    looks = []

    def make() -> View:
        looks.append(time.monotonic())
        return View("x.html", parts={"a": Markup(len(looks))})

    async def watch(streams: Streams) -> list[str]:
        events = streams.answer("key", make).body_iterator  # type: ignore[attr-defined]
        found = [str(await anext(events)) for _ in range(3)]
        await events.aclose()
        return found

    async def all_of_them() -> list[list[str]]:
        streams = Streams(every=0.2)
        found = await asyncio.gather(*(watch(streams) for _ in range(10)))
        assert streams.count == 0
        return found

    found = asyncio.run(all_of_them())
    assert len(found) == 10
    assert len(looks) <= 6


def test_a_database_that_is_away_is_told_and_waited_for() -> None:
    looks = []

    def make() -> View:
        looks.append("look")
        if len(looks) == 1:
            raise DatabaseUnavailable("the database is unavailable")
        return View("x.html")

    async def watch() -> list[str]:
        events = Streams(every=0.01).answer("key", make).body_iterator  # type: ignore[attr-defined]
        return [str(await anext(events)) for _ in range(2)]

    told = asyncio.run(watch())
    assert told[0] == 'event: trouble\ndata: "the database is unavailable"\n\n'
    assert told[1] == "event: change\ndata: {}\n\n"


def test_a_silent_broker_holds_up_nothing() -> None:
    def ask() -> tuple[str, ...]:
        time.sleep(0.3)
        return ("w0@host",)

    workers = Workers(ask)
    began = time.monotonic()
    assert workers.known() == Known(None, is_asked=False)
    assert time.monotonic() - began < 0.2
    assert eventually(lambda: workers.known().names, "the workers are known") == ("w0@host",)


def test_a_broker_that_fails_is_told_as_one_that_does_not_answer() -> None:
    def ask() -> tuple[str, ...]:
        raise ConnectionError("refused")

    workers = Workers(ask)
    eventually(lambda: workers.known().is_asked, "the broker was asked")
    assert workers.known().names is None


@pytest.mark.parametrize("path", ["/", "/uploads", "/jobs/12", "/jobs/12/timeline"])
def test_without_javascript_a_page_loads_itself_again(site: Site, path: str) -> None:
    add_sample(site.engine)
    with site.open() as ask:
        page = ask(path).text
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in page
