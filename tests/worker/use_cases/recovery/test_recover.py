"""The order and the schedule of recovery's steps, on a clock of the test's own."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import pytest

from worker.errors import DatabaseUnavailable
from worker.use_cases.recovery.recover import Recover, Step


class LastMoment(Random):
    def uniform(self, a: float, b: float) -> float:
        return b


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class World:
    clock: Clock = field(default_factory=Clock)
    done: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    def run(self, rounds: int, *, pause: float = 1, sweep: float = 60) -> None:
        recover = Recover(
            (self.step("release"), self.step("adopt"), self.step("republish")),
            self.step("sweep"),
            pause=pause,
            sweep=sweep,
            clock=self.clock,
            random=LastMoment(),
        )
        recover(self.waiting(rounds))

    def step(self, name: str) -> Step:
        def step() -> int:
            self.done.append(name)
            if name in self.broken:
                raise DatabaseUnavailable("postgresql://ada:secret@db is away")
            return 0

        return step

    def waiting(self, rounds: int) -> Callable[[float], bool]:
        """Wait by moving the clock, and say stop after so many rounds."""
        left = rounds

        def wait(seconds: float) -> bool:
            nonlocal left
            self.clock.now += seconds
            left -= 1
            return left == 0

        return wait


def test_each_round_takes_its_steps_in_their_order() -> None:
    world = World()
    world.run(rounds=2)
    assert world.done == ["release", "adopt", "republish"] * 2


def test_orphans_are_looked_for_at_first_within_one_interval_and_then_once_in_each() -> None:
    world = World()
    world.run(rounds=181, sweep=60)
    assert world.done.count("release") == 181
    assert world.done.count("sweep") == 3
    assert world.done.index("sweep") == 61 * 3


@pytest.mark.parametrize("broken", ["release", "adopt", "republish", "sweep"])
def test_a_step_that_fails_is_logged_without_secrets_and_keeps_no_other_from_its_turn(
    broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(broken={broken})
    with caplog.at_level(logging.WARNING):
        world.run(rounds=2, sweep=0)
    assert world.done == ["release", "adopt", "republish", "sweep"] * 2
    assert "is away" in caplog.text
    assert "secret" not in caplog.text
