"""End the leases of dead processes at once, instead of waiting until they expire."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from worker.use_cases.recovery.ports import LeaseRepository

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReleaseLeases:
    """`machine`: the name of this machine in the leases' owners; empty where nothing names it.
    `has_ended`: whether the process of this machine with that owner's name is dead.
    """

    leases: LeaseRepository
    machine: str
    has_ended: Callable[[str], bool]

    def __call__(self) -> int:
        """Release the leases of this machine's dead processes; return how many."""
        if not self.machine:
            return 0
        released = 0
        for upload in self.leases.held_on(self.machine):
            if upload.owner and self.has_ended(upload.owner):
                worker = upload.owner.partition("@")[0]
                where = (upload.job_id, upload.run_id)
                log.info("job %d, run %d: released, its worker %s is gone", *where, worker)
                self.leases.release(upload)
                released += 1
        return released
