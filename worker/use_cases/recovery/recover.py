"""Run recovery's steps in turn: leases, messages and uploads every round, orphans less often."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from worker.errors import ForeignBroker, OneprefixError
from worker.redaction import redacted

log = logging.getLogger("oneprefix.recovery")

Step = Callable[[], int]


@dataclass(frozen=True, slots=True)
class Recover:
    """`pause`: seconds between two rounds. `sweep`: seconds between two looks for orphans."""

    steps: tuple[Step, ...]
    """Of every round, in this order."""
    abort_orphans: Step
    pause: float
    sweep: float
    clock: Callable[[], float]
    random: Random
    moved: Callable[[], None] = lambda: None
    """Called before each step, for who watches whether one hangs."""

    def __call__(self, wait: Callable[[float], bool]) -> None:
        """Run rounds until `wait`, called with the seconds to the next one, returns True.

        A step that fails is logged, and the others go on; ForeignBroker ends them all.
        """
        # at a random time, so that not all workers list the bucket at once
        sweep_at = self.clock() + self.random.uniform(0, self.sweep)
        while True:
            for step in self.steps:
                self.moved()
                _try(step)
            if self.clock() >= sweep_at:
                self.moved()
                _try(self.abort_orphans)
                sweep_at = self.clock() + self.sweep
            if wait(self.pause):
                return


def _try(step: Step) -> None:
    try:
        step()
    except ForeignBroker:
        raise
    except OneprefixError as error:
        log.warning("%s", redacted(error))
    except Exception:
        log.exception("a step of recovery fails; the others go on")
