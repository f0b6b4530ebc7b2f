"""Ask anew for uploads that have failed, once their cause is mended."""

from collections.abc import Iterable
from typing import Protocol

from worker.errors import OneprefixError
from worker.models.upload import Upload


class Enqueue(Protocol):
    def __call__(self, job_id: int, run_id: int, path: str, *, replace: bool) -> Upload: ...


def retry_failed(
    failed: Iterable[Upload], enqueue: Enqueue
) -> tuple[list[Upload], list[OneprefixError]]:
    """Enqueue each upload again with its own path; return the new rows and why others were refused.

    A refused one does not stop the others, and its error names job and run. An upload that had
    landed before failed to replace its results, so it asks to replace again.
    """
    asked: list[Upload] = []
    refused: list[OneprefixError] = []
    for upload in failed:
        has_landed = upload.landed_at is not None
        try:
            asked.append(enqueue(upload.job_id, upload.run_id, upload.path, replace=has_landed))
        except OneprefixError as error:
            refused.append(error.concerning(job_id=upload.job_id, run_id=upload.run_id))
    return asked, refused
