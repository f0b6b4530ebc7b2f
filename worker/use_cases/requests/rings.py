"""Take messages as rings for rows, where `ONEPREFIX_REQUIRE_ROW` says that only rows ask."""

import logging
from dataclasses import dataclass
from typing import Protocol

from worker.errors import InvalidRequest
from worker.models.upload import Upload
from worker.models.upload_request import Refusal, UploadRequest

log = logging.getLogger(__name__)


class Rows(Protocol):
    def ring(self, request: UploadRequest) -> Upload | None:
        """The run's row as it is, if there is one; what the message wants to follow is kept."""
        ...


@dataclass(frozen=True, slots=True)
class Rings:
    """In the place of a `RequestRepository`: no message makes, renews or fails a row."""

    rows: Rows

    def request(self, request: UploadRequest, *, published: bool) -> Upload:  # noqa: ARG002
        """The row that the message rings for; InvalidRequest if there is none."""
        if upload := self.rows.ring(request):
            return upload
        error = InvalidRequest(
            "a message without a row asks for nothing, since ONEPREFIX_REQUIRE_ROW is set: write"
            " the row first, as tasks.enqueue, `oneprefix enqueue` and oneprefix-client do",
            job_id=request.job_id,
            run_id=request.run_id,
        )
        error.recorded = True  # as far as it ever will be
        raise error

    def refuse(self, refusal: Refusal) -> None:
        log.warning("message %s: %s", refusal.task_id, refusal.reason)

    def mark_published(self, upload: Upload) -> None:
        """Do nothing: recovery publishes for the row when its time has come."""
