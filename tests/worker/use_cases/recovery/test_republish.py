"""Messages that are missing, lost or due are published; each once, interrupted uploads first."""

import logging
from dataclasses import dataclass, field

import pytest

from tests.fakes.broker import FakePublisher
from tests.fakes.uploads import FakeDatabase, FakeOutbox, FakeRequests, FakeUploads
from worker.errors import DatabaseRefused
from worker.models.upload_request import DueMessage, UploadRequest
from worker.use_cases.recovery.republish import Republish


class OutboxWithBadRow(FakeOutbox):
    """Refuses its first row, as SQL refuses a path that is no text."""

    def take(self, row: int, *, task_id: str) -> DueMessage | None:
        if row == 0:
            raise DatabaseRefused("the database refused: invalid byte sequence")
        return super().take(row, task_id=task_id)


class OutboxTakenElsewhere(FakeOutbox):
    """Another worker's recovery takes every row between this one's look and its own take."""

    def take(self, row: int, *, task_id: str) -> DueMessage | None:
        super().take(row, task_id="another's")
        return super().take(row, task_id=task_id)


@dataclass
class World:
    database: FakeDatabase = field(default_factory=FakeDatabase)
    publisher: FakePublisher = field(default_factory=FakePublisher)
    outbox: FakeOutbox = field(init=False)

    def __post_init__(self) -> None:
        self.outbox = FakeOutbox(self.database, grace=0, republish=300)

    def ask(self, run_id: int, task_id: str | None = "asked", *, published: bool = False) -> None:
        request = UploadRequest(12, run_id, "/r", task_id=task_id)
        FakeRequests(self.database).request(request, published=published)

    def republish(self) -> int:
        return Republish(self.outbox, self.publisher, lambda: "new")()

    def published_runs(self) -> list[int]:
        return [request.run_id for request, _ in self.publisher.published]


@pytest.fixture
def world() -> World:
    return World()


def test_a_row_without_a_message_gets_one_once(world: World) -> None:
    world.ask(4)
    assert world.republish() == 1
    [(request, urgent)] = world.publisher.published
    assert (request.run_id, request.task_id, urgent) == (4, "asked", False)
    assert world.republish() == 0


def test_a_row_by_plain_sql_gets_a_new_task_id_which_stays_its_own(world: World) -> None:
    world.ask(4, task_id=None)
    world.republish()
    [(request, _)] = world.publisher.published
    assert request.task_id == world.database.rows[12, 4].task_id == "new"


def test_a_row_whose_message_is_in_the_broker_is_left_alone(world: World) -> None:
    world.ask(4, published=True)
    assert world.republish() == 0


def test_an_interrupted_upload_is_urgent_and_a_waiting_one_is_not(world: World) -> None:
    world.ask(4, published=True)
    world.ask(5)
    assert FakeUploads(world.database).claim(12, 4, owner="dead", lease=-1)
    assert world.republish() == 2
    assert [(request.run_id, urgent) for request, urgent in world.publisher.published] == [
        (4, True),
        (5, False),
    ]


def test_while_the_broker_is_away_rows_stay_due_and_are_published_later(world: World) -> None:
    world.ask(4)
    world.ask(5)
    world.publisher.is_away = True
    assert world.republish() == 0
    assert len(world.outbox.due()) == 2
    world.publisher.is_away = False
    assert world.republish() == 2


def test_a_row_that_sql_refuses_does_not_stop_the_others(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.outbox = OutboxWithBadRow(world.database, grace=0, republish=300)
    world.ask(4)
    world.ask(5)
    with caplog.at_level(logging.WARNING):
        assert world.republish() == 1
    assert world.published_runs() == [5]
    assert "row 0 of uploads can't be published" in caplog.text


def test_a_row_that_another_recovery_has_taken_is_not_published_twice(world: World) -> None:
    world.outbox = OutboxTakenElsewhere(world.database, grace=0, republish=300)
    world.ask(4)
    assert world.republish() == 0
    assert world.publisher.published == []
