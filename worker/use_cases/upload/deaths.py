"""Counts the deaths of an upload's workers, and lets it wait longer after each."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from worker.models.upload import Upload, UploadState
from worker.use_cases.meter import Meter, Unmetered
from worker.use_cases.retry_policy import RetryPolicy
from worker.use_cases.upload.ports import UploadRepository

log = logging.getLogger(__name__)

#: Deaths in a row after which an upload is tried again at once: any worker may be killed.
AT_ONCE = 2
#: Seconds of the longest wait after a lease ran out, since that took time, and may have been a
#: pause of a worker or of its network.
AFTER_LEASE = 10.0


@dataclass(frozen=True, slots=True)
class Deaths:
    uploads: UploadRepository
    retry_policy: RetryPolicy
    random: Random
    oom_kills: Callable[[], int]
    """How many processes of this container the kernel has killed for want of memory."""
    meter: Meter = field(default_factory=Unmetered)

    def note(self, upload: Upload, *, is_certain: bool = True) -> bool:
        """Count the death of the worker that held the upload, or was about to take it.

        Returns whether this call counted it. `is_certain`: it was a process of this machine, which
        is gone; otherwise its lease has to have run out.
        """
        deaths = upload.deaths + 1
        attempts = upload.attempt + (upload.state is not UploadState.UPLOADING)
        told = "its worker was killed" if is_certain else "its worker was killed or cut off"
        of_memory = is_certain and self.oom_kills() > upload.oom_kills
        if of_memory:
            told += " by the kernel, since its memory was exhausted"
        if deaths > 1:
            told += f"; that was number {deaths} in a row"
        delay: float | None = 0.0
        if attempts >= self.retry_policy.max_attempts:
            told, delay = f"gave up after {attempts} attempts: {told}", None
        elif deaths > AT_ONCE:
            delay = self.retry_policy.delay(deaths - AT_ONCE + 1, self.random)
            delay = delay if is_certain else min(delay, AFTER_LEASE)
        error = f"{upload.title}: {told}"
        counted = self.uploads.died(upload, error=error, delay=delay, is_certain=is_certain)
        if counted:
            log.warning("%s", error)
            if is_certain:
                self.meter.died(of_memory=of_memory)
            else:
                self.meter.lease_expired()
        return counted
