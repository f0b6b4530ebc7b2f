"""Read what an upload's message asks for; a message that asks for nothing leaves a row."""

from dataclasses import dataclass

from worker.errors import InvalidRequest
from worker.models.upload_request import Refusal, UploadRequest
from worker.use_cases.requests.ports import RequestRepository


@dataclass(frozen=True, slots=True)
class UploadMessage:
    """The content of an upload's message: arguments of any type, as a producer sent them."""

    task_id: str | None
    job_id: object
    run_id: object
    path: object
    replace: object = False


@dataclass(frozen=True, slots=True)
class ReadMessage:
    requests: RequestRepository

    def __call__(self, message: UploadMessage) -> UploadRequest:
        """The message's request; InvalidRequest, once a FAILED row tells the reason."""
        job_id, run_id, path = message.job_id, message.run_id, message.path
        task_id = message.task_id
        try:
            return UploadRequest.parse(
                job_id, run_id, path, replace=message.replace, task_id=task_id
            )
        except InvalidRequest as error:
            refusal = Refusal.of(job_id, run_id, path, reason=error.message, task_id=task_id)
            self.requests.refuse(refusal)
            refused = type(error)(refusal.reason)
            refused.recorded = True
            raise refused from None
