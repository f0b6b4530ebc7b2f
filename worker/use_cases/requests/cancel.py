"""Cancel uploads that were asked for and are not over."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from worker.models.upload import Upload


class Cancellations(Protocol):
    """Ends uploads as CANCELLED, with the reason on their rows, and returns them.

    An upload that is over stays as it is. Whoever works on a cancelled one loses its lease.
    """

    def of_job(self, job_id: int, run_id: int | None, *, reason: str) -> list[Upload]:
        """Cancel the upload of the run, or those of all the job's runs."""
        ...

    def of_message(self, task_id: str, *, reason: str) -> list[Upload]:
        """Cancel the upload that was last asked for by the message with that id."""
        ...

    def of_expired(self, *, reason: str) -> list[Upload]:
        """Cancel the uploads that wait for an attempt and were wanted until a time now past."""
        ...


class MultipartIds(Protocol):
    """The ids of multipart uploads that rows of `uploads` name."""

    def forget(self, upload: Upload) -> None:
        """Clear the id on the upload's row, if it is still the one in `upload`."""
        ...


@dataclass(frozen=True, slots=True)
class CancelUploads:
    cancellations: Cancellations
    multipart_ids: MultipartIds
    abort: Callable[[str, str], bool]
    """Aborts the multipart upload of a key with that id; False if S3 can't be told so now."""

    def of_job(self, job_id: int, run_id: int | None, *, who: str) -> list[Upload]:
        """Cancel what is not over of the run, or of all the job's runs; returns those uploads."""
        return self._done(self.cancellations.of_job(job_id, run_id, reason=f"cancelled by {who}"))

    def of_message(self, task_id: str, *, who: str) -> list[Upload]:
        """Cancel the upload that the message with that id asked for."""
        return self._done(self.cancellations.of_message(task_id, reason=f"cancelled by {who}"))

    def of_expired(self) -> list[Upload]:
        """Cancel the uploads that no attempt began in the time their requests allowed."""
        reason = "cancelled: no attempt had succeeded when the request expired"
        return self._done(self.cancellations.of_expired(reason=reason))

    def _done(self, cancelled: list[Upload]) -> list[Upload]:
        """Abort what was sent; if S3 can't be told so now, recovery's sweep does it later."""
        for upload in cancelled:
            key, multipart_id = upload.s3_key, upload.multipart_upload_id
            if key and multipart_id and self.abort(key, multipart_id):
                self.multipart_ids.forget(upload)
        return cancelled
