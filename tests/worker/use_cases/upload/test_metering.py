"""What an attempt tells its meter."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.worker.use_cases.upload.test_upload_results import AGAIN, REQUEST, World, drop_job
from worker.errors import JobNotFound, OneprefixError, StorageUnavailable
from worker.models.measured import Stage

LANDS = ["began", "measuring", "packed", "sending", "completing", "recording", "landed"]


@dataclass
class Told:
    """A meter that keeps what it is told, each as one word."""

    words: list[str] = field(default_factory=list)
    seconds: float | None = None

    def began(self, *_: Any) -> None:
        self.words.append("began")

    def passed(self, stage: Stage, seconds: float) -> None:
        assert 0 <= seconds < 60
        self.words.append(stage)

    def packed(self, *_: Any) -> None:
        self.words.append("packed")

    def landed(self, seconds: float) -> None:
        self.words.append("landed")
        self.seconds = seconds

    def failed(self, error: OneprefixError) -> None:
        self.words.append(type(error).__name__)

    def lease_expired(self) -> None:
        self.words.append("lease expired")

    def died(self, *, of_memory: bool) -> None:
        self.words.append("died of memory" if of_memory else "died")

    def recovered(self, *_: Any) -> None:
        self.words.append("recovered")


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def world(told: Told) -> World:
    made = World()
    deaths = replace(made.use_case.leases.deaths, meter=told)
    leases = replace(made.use_case.leases, deaths=deaths)
    made.use_case = replace(made.use_case, meter=told, leases=leases)
    return made


def test_a_landing_passes_every_stage_in_turn(world: World, told: Told) -> None:
    world.use_case(REQUEST)
    assert told.words == LANDS
    assert told.seconds is not None
    assert 0 <= told.seconds < 60


def test_a_repeat_of_what_has_landed_tells_nothing(world: World, told: Told) -> None:
    world.use_case(REQUEST)
    told.words.clear()
    world.use_case(AGAIN)
    assert told.words == []


def test_a_failure_tells_its_error_after_the_stages_that_were_completed(
    world: World, told: Told
) -> None:
    world.packager.directories["/r/RUN4"] = StorageUnavailable("503")
    with pytest.raises(StorageUnavailable):
        world.use_case(REQUEST)
    assert told.words == ["began", "StorageUnavailable"]


def test_a_permanent_error_is_told_once(world: World, told: Told) -> None:
    drop_job(world)
    with pytest.raises(JobNotFound):
        world.use_case(REQUEST)
    assert told.words == ["began", "JobNotFound"]


@pytest.mark.parametrize(
    ("ended", "oom_kills", "word"),
    [(set(), 0, "lease expired"), ({"dead"}, 0, "died"), ({"dead"}, 1, "died of memory")],
)
def test_a_holder_that_is_gone_is_told_before_the_attempt_that_follows(
    world: World, told: Told, ended: set[str], oom_kills: int, word: str
) -> None:
    world.ended.update(ended)
    world.oom_kills = oom_kills
    world.use_case.requests.request(REQUEST, published=True)
    world.use_case.uploads.claim(12, 4, owner="dead", lease=-1)
    world.use_case(REQUEST)
    assert told.words == [word, *LANDS]


def test_a_holder_that_may_live_is_not_told(world: World, told: Told) -> None:
    world.use_case.requests.request(REQUEST, published=True)
    world.use_case.uploads.claim(12, 4, owner="other", lease=60)
    with pytest.raises(OneprefixError):
        world.use_case(REQUEST)
    assert told.words == []
