"""Percent, rate and time left from a row, and what happened to it on a scale of time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from tests.web.sample import stamp
from tests.worker.database.landed import claim, row
from web.progress import BELIEVED, progress_of
from web.timeline import Scale, attempts_of, story_of
from worker.database.jobs import add_job
from worker.database.uploads.attempts import SqlUploadRepository
from worker.models.history import told
from worker.models.upload import Upload, UploadState

BEGUN = datetime(2026, 1, 31, 18, 0, 0, 250_000, UTC)
MIB = 1 << 20
#: At 10 MiB a second, ten seconds after it began.
UPLOAD = Upload(
    12,
    4,
    "/r",
    UploadState.UPLOADING,
    attempt=1,
    bytes_done=100 * MIB,
    bytes_total=400 * MIB,
    requested_at=BEGUN - timedelta(seconds=30),
    begun_at=BEGUN,
    updated_at=BEGUN + timedelta(seconds=10),
)


def after(seconds: float) -> datetime:
    return BEGUN + timedelta(seconds=seconds)


def test_a_row_is_extrapolated_by_its_rate() -> None:
    found = progress_of(UPLOAD, after(12))
    assert found.rate == 10 * MIB
    assert found.percent == 30
    assert found.sent == 120 * MIB
    assert found.seconds_left == 28


@pytest.mark.parametrize("seconds", [-5, 0, 10])
def test_a_clock_that_is_behind_takes_nothing_back(seconds: float) -> None:
    assert progress_of(UPLOAD, after(seconds)).percent == 25


def test_a_row_that_is_not_renewed_is_believed_for_a_while() -> None:
    assert progress_of(UPLOAD, after(3600)).sent == (100 + 10 * BELIEVED) * MIB


@pytest.mark.parametrize("done", [399, 400])
def test_it_is_never_whole_before_it_has_landed(done: int) -> None:
    almost = replace(UPLOAD, bytes_done=done * MIB)
    assert progress_of(almost, after(20)).percent == 99
    landed = replace(almost, state=UploadState.LANDED, landed_at=after(20))
    assert progress_of(landed, after(20)).percent == 100


def test_what_is_not_known_is_not_told() -> None:
    assert progress_of(replace(UPLOAD, bytes_total=None), after(12)).percent is None
    waiting = replace(UPLOAD, state=UploadState.RETRYING)
    assert progress_of(waiting, after(100)).percent == 25
    assert progress_of(waiting, after(100)).rate is None
    empty = progress_of(replace(UPLOAD, bytes_total=0, bytes_done=0), after(12))
    assert (empty.percent, empty.seconds_left) == (0, None)


def test_each_attempt_is_told_once() -> None:
    past = f"1 {stamp(after(-20))} {stamp(after(-10))} {told('TreeChanged')}\n"
    under_way = replace(UPLOAD, attempt=2, history=past)
    assert [each.number for each in attempts_of(under_way)] == [1, 2]
    failed = replace(UPLOAD, state=UploadState.FAILED)
    failed = replace(failed, history=past + f"2 {stamp(BEGUN)} {stamp(after(5))} {told('x')}\n")
    assert [each.number for each in attempts_of(failed)] == [1, 2]
    marks = [each.kind for each in story_of(failed, after(60)).marks]
    assert marks == ["requested", "retry", "failed"]
    assert list(attempts_of(replace(UPLOAD, history="no history\n"))) != []


def test_what_a_worker_writes_of_its_attempts_is_told_once(engine: Engine) -> None:
    add_job(engine, 12, BEGUN, [4])
    rows = SqlUploadRepository(engine)
    rows.retry(claim(engine, 4), error="first", traceback="", delay=0)
    second = rows.claim(12, 4, owner="me", lease=60)
    assert second
    assert [each.number for each in attempts_of(row(engine, 4))] == [1, 2]
    rows.fail(second, error="second", traceback="")
    found = [(each.number, each.reason) for each in attempts_of(row(engine, 4))]
    assert found == [(1, "first"), (2, "second")]


def test_a_scale_holds_every_mark() -> None:
    story = story_of(UPLOAD, after(60))
    scale = Scale.over([story], after(60))
    assert (scale.first, scale.last) == (UPLOAD.requested_at, after(60))
    assert all(0 < scale.at(each) < 100 for each in [*story.times, after(-9999), after(9999)])
    assert Scale.over([], BEGUN).ticks[0] == BEGUN
