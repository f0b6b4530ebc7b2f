"""Ask for an upload: write the row, which is the truth, then publish the message."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from worker.errors import OneprefixError
from worker.models.upload import Upload
from worker.models.upload_request import UploadMessage, UploadRequest
from worker.use_cases.requests.ports import Publisher, RequestRepository

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EnqueueUpload:
    requests: RequestRepository
    publisher: Publisher
    new_task_id: Callable[[], str]

    def __call__(
        self,
        job_id: object,
        run_id: object,
        path: object,
        *,
        replace: object = False,
        eta: object = None,
        expires: object = None,
    ) -> Upload:
        """The upload's row. Once this returns, the upload lands or ends with its reason.

        `eta` and `expires` are times, or seconds from now. No attempt begins before `eta`; the
        upload ends CANCELLED at `expires` if none is under way or has succeeded by then.

        Raises InvalidRequest for arguments that make no request; DatabaseUnavailable or
        DatabaseRefused if there is no row. A message that can't be published is no error:
        recovery publishes it for the row.
        """
        message = UploadMessage(self.new_task_id(), job_id, run_id, path, replace, eta, expires)
        request = UploadRequest.parse(message)
        upload = self.requests.request(request, published=False)
        is_new = upload.task_id == request.task_id
        # recovery publishes when the time has come: a message that waits could be lost till then
        is_due = request.not_before is None
        if is_new and is_due and self.publisher.publish(request):
            self._mark_published(upload)
        return upload

    def _mark_published(self, upload: Upload) -> None:
        try:
            self.requests.mark_published(upload)
        except OneprefixError as error:
            log.warning("%s; the message may be published twice, which is harmless", error)
