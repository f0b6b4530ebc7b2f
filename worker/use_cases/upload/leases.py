"""Takes the leases of uploads in the name of this process."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from worker.models.upload import Upload, UploadState
from worker.use_cases.lease import Lease
from worker.use_cases.upload.deaths import Deaths
from worker.use_cases.upload.ports import UploadRepository


@dataclass(frozen=True, slots=True)
class Leases:
    uploads: UploadRepository
    owner: str
    """This process, as `worker.process.identity` names it."""
    has_ended: Callable[[str], bool]
    """Whether an owner is a process of this machine that has ended."""
    deaths: Deaths
    seconds: float
    stall_seconds: float
    abandon: Callable[[], None]
    """Ends this process, whose attempt hangs."""

    def take(self, upload: Upload) -> Lease[Upload] | None:
        """Claim the upload; None if it is over, not yet due, or held by a process that may live."""
        if upload.state is UploadState.UPLOADING and upload.owner:
            self.deaths.note(upload, is_certain=self.has_ended(upload.owner))
        asked_at = monotonic()
        claimed = self.uploads.claim(
            upload.job_id,
            upload.run_id,
            owner=self.owner,
            lease=self.seconds,
            oom_kills=self.deaths.oom_kills(),
        )
        if claimed is None:
            return None
        return Lease(
            claimed,
            lambda done: self.uploads.renew(claimed, lease=self.seconds, bytes_done=done),
            seconds=self.seconds,
            asked_at=asked_at,
            stall_seconds=self.stall_seconds,
            abandon=self.abandon,
        )
