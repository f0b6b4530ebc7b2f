"""Read what an upload's message asks for; a message that asks for nothing leaves a row."""

from dataclasses import dataclass

from worker.errors import InvalidRequest
from worker.models.upload_request import Refusal, UploadMessage, UploadRequest
from worker.use_cases.requests.ports import RequestRepository


@dataclass(frozen=True, slots=True)
class ReadMessage:
    requests: RequestRepository

    def __call__(self, message: UploadMessage) -> UploadRequest:
        """The message's request; InvalidRequest, once a FAILED row tells the reason."""
        try:
            return UploadRequest.parse(message)
        except InvalidRequest as error:
            refusal = Refusal.of(message, error.message)
            self.requests.refuse(refusal)
            refused = type(error)(refusal.reason)
            refused.recorded = True
            raise refused from None
