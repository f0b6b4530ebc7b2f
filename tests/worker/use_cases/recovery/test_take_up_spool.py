"""Requests that a program left in a file get their rows, whatever dies on the way."""

import json
import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from oneprefix import spool
from oneprefix.request import Request

from tests.fakes.uploads import FakeDatabase, FakeRequests
from worker.errors import DatabaseUnavailable, FileUnusable
from worker.models.upload import Upload
from worker.models.upload_request import UploadRequest
from worker.use_cases.recovery.take_up_spool import FILES_PER_ROUND, TakeUpSpool
from worker.use_cases.requests.read_message import ReadMessage

REQUEST = Request(12, 4, "/r/RUN4", "first")


class Dies(Exception):
    pass


class DyingRequests(FakeRequests):
    """The worker dies once the first row is written."""

    def request(self, request: UploadRequest, *, published: bool) -> Upload:
        super().request(request, published=published)
        raise Dies


class UnavailableRequests(FakeRequests):
    def request(self, request: UploadRequest, *, published: bool) -> Upload:
        raise DatabaseUnavailable("the database is unavailable")


@pytest.fixture
def database() -> FakeDatabase:
    return FakeDatabase()


def taking(directory: Path, requests: FakeRequests) -> TakeUpSpool:
    return TakeUpSpool(directory, ReadMessage(requests), requests)


@pytest.fixture
def take_up(tmp_path: Path, database: FakeDatabase) -> TakeUpSpool:
    return taking(tmp_path, FakeRequests(database))


def test_each_request_of_a_file_gets_its_row(
    tmp_path: Path, database: FakeDatabase, take_up: TakeUpSpool
) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    spool.write(tmp_path, [REQUEST, Request(12, 5, "/r/RUN5", "second", not_before=later)])
    assert take_up() == 1
    assert database.rows[12, 4].path == "/r/RUN4"
    assert database.rows[12, 4].task_id == "first"
    assert database.rows[12, 5].next_attempt_at == later
    assert list(tmp_path.iterdir()) == []
    assert take_up() == 0


def test_a_worker_that_dies_in_between_leaves_the_file_to_the_next_one(
    tmp_path: Path, database: FakeDatabase, take_up: TakeUpSpool
) -> None:
    spool.write(tmp_path, [REQUEST, Request(12, 5, "/r/RUN5", "second")])
    with pytest.raises(Dies):
        taking(tmp_path, DyingRequests(database))()
    before = database.rows[12, 4]
    assert take_up() == 1
    assert database.rows[12, 4] == before
    assert (12, 5) in database.rows


def test_while_the_database_is_away_the_file_stays(
    tmp_path: Path, database: FakeDatabase, take_up: TakeUpSpool
) -> None:
    spool.write(tmp_path, [REQUEST])
    with pytest.raises(DatabaseUnavailable):
        taking(tmp_path, UnavailableRequests(database))()
    assert take_up() == 1


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b'{"requests": 3}', b'{"requests": [4]}', b"\xff"]
    + [json.dumps({"requests": [{"task_id": wrong}]}).encode() for wrong in (None, 4)],
)
def test_a_file_that_is_no_such_file_is_put_aside(
    tmp_path: Path, take_up: TakeUpSpool, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    (tmp_path / "x.json").write_bytes(content)
    spool.write(tmp_path, [REQUEST])
    with caplog.at_level(logging.WARNING):
        assert take_up() == 2
    assert [each.name for each in tmp_path.iterdir()] == ["x.rejected"]
    assert "is no file of requests, and is put aside" in caplog.text


def test_a_wrong_request_leaves_its_refusal(
    tmp_path: Path, database: FakeDatabase, take_up: TakeUpSpool
) -> None:
    wrong: dict[str, Any] = {"task_id": "wrong", "job_id": 12, "run_id": 5, "path": "RUN5"}
    (tmp_path / "x.json").write_text(json.dumps({"requests": [wrong]}))
    assert take_up() == 1
    [refusal] = database.refusals
    assert "path is not absolute" in refusal.reason
    assert list(tmp_path.iterdir()) == []


def test_what_is_being_written_is_left_alone(tmp_path: Path, take_up: TakeUpSpool) -> None:
    (tmp_path / ".first.json.partial").write_text("{")
    (tmp_path / "notes.txt").write_text("hello")
    assert take_up() == 0
    assert len(list(tmp_path.iterdir())) == 2


def test_a_round_takes_up_no_more_than_it_can(tmp_path: Path, take_up: TakeUpSpool) -> None:
    for number in range(FILES_PER_ROUND + 5):
        spool.write(tmp_path, [Request(12, number + 1, "/r/RUN", f"id{number}")])
    assert [take_up(), take_up()] == [FILES_PER_ROUND, 5]


def test_a_file_that_cannot_be_read_stands_in_front_of_none(
    tmp_path: Path,
    database: FakeDatabase,
    take_up: TakeUpSpool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "a.json").mkdir()
    spool.write(tmp_path, [REQUEST])
    with caplog.at_level(logging.WARNING):
        assert [take_up(), take_up()] == [1, 0]
    assert (12, 4) in database.rows
    assert caplog.text.count("Is a directory") == 1


def test_a_directory_that_is_not_there_is_told(tmp_path: Path, database: FakeDatabase) -> None:
    with pytest.raises(FileUnusable, match="ONEPREFIX_SPOOL"):
        taking(tmp_path / "nowhere", FakeRequests(database))()


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000,
        '{"requests": [{"task_id": "\\ud800", "job_id": 1, "run_id": 1, "path": "/r"}]}',
    ],
    ids=["too deep", "an id that no database takes"],
)
def test_an_odd_file_keeps_no_other_waiting(
    tmp_path: Path, database: FakeDatabase, take_up: TakeUpSpool, content: str
) -> None:
    odd = tmp_path / "0.json"
    odd.write_text(content)
    os.utime(odd, (1, 1))
    spool.write(tmp_path, [REQUEST])
    take_up()
    assert (12, 4) in database.rows
    assert [each.name for each in tmp_path.iterdir()] == ["0.rejected"]


def test_what_is_no_file_keeps_no_other_waiting(
    tmp_path: Path, database: FakeDatabase, take_up: TakeUpSpool
) -> None:
    os.mkfifo(tmp_path / "0.json")
    for number in range(1, FILES_PER_ROUND + 1):
        (tmp_path / f"{number}.json").mkdir()
    for each in tmp_path.iterdir():
        os.utime(each, (1, 1))
    spool.write(tmp_path, [REQUEST])
    take_up()
    take_up()
    assert (12, 4) in database.rows
