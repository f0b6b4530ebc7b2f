"""End the leases of dead processes at once, instead of waiting until they expire."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

from worker.use_cases.recovery.ports import Held, LeaseRepository

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReleaseLeases(Generic[Held]):
    """`end`: ends a lease of a process that is dead; False if somebody else was first.
    `machine`: the name of this machine in the leases' owners; empty where nothing names it.
    `has_ended`: whether the process of this machine with that owner's name is dead.
    """

    leases: LeaseRepository[Held]
    end: Callable[[Held], object]
    machine: str
    has_ended: Callable[[str], bool]

    def __call__(self) -> int:
        """Release the leases of this machine's dead processes; return how many."""
        if not self.machine:
            return 0
        released = 0
        for held in self.leases.held_on(self.machine):
            if held.owner and self.has_ended(held.owner):
                worker = held.owner.partition("@")[0]
                log.info("%s: released, its worker %s is gone", held.title, worker)
                released += self.end(held) is not False
        return released
