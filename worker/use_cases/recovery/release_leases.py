"""Ends the leases of processes that have ended, instead of waiting until they run out."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from worker.use_cases.recovery.ports import LeaseRepository

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReleaseLeases:
    """`machine` names the one that this runs on, whose processes `has_ended` can tell of."""

    uploads: LeaseRepository
    machine: str
    has_ended: Callable[[str], bool]

    def __call__(self) -> int:
        """How many were released."""
        if not self.machine:
            return 0
        left = [
            upload
            for upload in self.uploads.held_on(self.machine)
            if upload.owner and self.has_ended(upload.owner)
        ]
        for upload in left:
            log.info(
                "job %d, run %d: released, its worker %s is gone",
                upload.job_id,
                upload.run_id,
                (upload.owner or "").partition("@")[0],
            )
            self.uploads.release(upload)
        return len(left)
