"""A request is a row first; the message may be missing."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest

from tests.fakes.broker import FakePublisher
from tests.fakes.uploads import FakeDatabase, FakeOutbox, FakeRequests, FakeUploads
from worker.errors import DatabaseUnavailable, InvalidRequest
from worker.models.upload import Upload, UploadState
from worker.use_cases.requests.enqueue import EnqueueUpload


class ForgetfulRequests(FakeRequests):
    """The database goes away after the row is written."""

    def mark_published(self, upload: Upload) -> None:
        raise DatabaseUnavailable("the database is unavailable")


@dataclass
class World:
    database: FakeDatabase = field(default_factory=FakeDatabase)
    publisher: FakePublisher = field(default_factory=FakePublisher)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def enqueue(self, path: str = "/r/RUN4", *, replace: bool = False) -> Upload:
        return self.enqueuing(FakeRequests(self.database))(12, 4, path, replace=replace)

    def enqueuing(self, requests: FakeRequests) -> EnqueueUpload:
        return EnqueueUpload(requests, self.publisher, lambda: f"task {next(self.numbers)}")

    @property
    def due(self) -> list[int]:
        return FakeOutbox(self.database, grace=0, republish=300).due()


@pytest.fixture
def world() -> World:
    return World()


def test_a_request_is_a_row_and_its_message_with_one_task_id(world: World) -> None:
    upload = world.enqueue()
    [(request, urgent)] = world.publisher.published
    assert upload.task_id == request.task_id == "task 1"
    assert (request.job_id, request.run_id, request.path, urgent) == (12, 4, "/r/RUN4", False)
    assert world.due == []


def test_while_the_broker_is_away_the_row_waits_for_recovery(world: World) -> None:
    world.publisher.is_away = True
    assert world.enqueue().state is UploadState.REQUESTED
    assert len(world.due) == 1


def test_a_row_that_does_not_know_of_its_message_is_no_error(world: World) -> None:
    enqueue = world.enqueuing(ForgetfulRequests(world.database))
    assert enqueue(12, 4, "/r/RUN4").state is UploadState.REQUESTED
    assert len(world.publisher.published) == len(world.due) == 1


def test_a_repeated_request_publishes_nothing(world: World) -> None:
    first = world.enqueue()
    assert world.enqueue() == first
    assert len(world.publisher.published) == 1


def test_replace_publishes_a_message_for_an_upload_that_is_under_way(world: World) -> None:
    world.enqueue()
    FakeUploads(world.database).claim(12, 4, owner="me", lease=60)
    upload = world.enqueue(replace=True)
    assert (upload.state, upload.task_id) == (UploadState.REQUESTED, "task 2")
    assert len(world.publisher.published) == 2


def test_wrong_arguments_leave_neither_row_nor_message(world: World) -> None:
    with pytest.raises(InvalidRequest):
        world.enqueue("RUN4")
    assert (world.database.rows, world.publisher.published) == ({}, [])
