"""Sends a multipart upload's parts along a short way through botocore, or steps aside.

`upload_part` takes 1.6 ms of the processor for each part, as long as packing 8 MiB of noise. Here
botocore signs a request and sends it over its client's own connections, without its parameter
validation, serialization and retries. What does not succeed at once, or is not spoken to as a plain
botocore client would be, is left to `upload_part`: with its retries, redirects and errors.

This is the only module that reaches into private parts of botocore, as the pinned version has them.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.exceptions import BotoCoreError
from botocore.hooks import first_non_none_response

from worker.storage.upload.part_body import PartBody

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

#: Events of requests that tell where a multipart upload lies, and how its requests are signed.
_EVENTS = ("before-send.s3.CreateMultipartUpload", "before-send.s3.ListParts")
_SENDING_PART = "before-send.s3.UploadPart"
#: How arguments of `upload_part` travel.
_HEADERS = {
    "ChecksumAlgorithm": "x-amz-sdk-checksum-algorithm",
    "ChecksumCRC32": "x-amz-checksum-crc32",
    "ContentMD5": "Content-MD5",
}
_CRC32 = {"request_algorithm": {"in": "header", "name": _HEADERS["ChecksumCRC32"]}}


class LatestRequest(threading.local):
    """The latest request of this thread that created or listed a multipart upload."""

    request: AWSPreparedRequest | None = None

    def note(self, request: AWSPreparedRequest, **_: Any) -> None:
        """Handle botocore's event `before-send`."""
        self.request = request


@contextmanager
def listening(client: "S3Client") -> Iterator[LatestRequest]:
    """Listen to the client's requests while the block runs."""
    latest, events = LatestRequest(), client.meta.events
    handlers = [(event, latest.note) for event in _EVENTS]
    for event, handler in handlers:
        events.register(event, handler)
    try:
        yield latest
    finally:
        for event, handler in handlers:
            events.unregister(event, handler)


class PartRequests:
    """Sends parts of the multipart upload that the `creation` request created or listed.

    Their address and their signature's scope are that request's. Without it, `put` steps aside.
    """

    def __init__(self, client: "S3Client", creation: AWSPreparedRequest | None) -> None:
        self._client = client
        self._address = creation.url.partition("?")[0] if creation else ""
        self._scope = _scope(creation) if creation else None

    def put(
        self, upload_id: str, number: int, body: PartBody, checksums: dict[str, Any]
    ) -> str | None:
        """Send the part, and return its ETag; None if `upload_part` has to send it.

        `checksums`: arguments of `upload_part`, as boto3 names them.
        """
        if self._scope is None:
            return None
        query = {"partNumber": number, "uploadId": upload_id}
        request = AWSRequest(
            method="PUT",
            url=f"{self._address}?{urlencode(query, quote_via=quote)}",
            headers={_HEADERS[name]: value for name, value in checksums.items()},
            data=body,
        )
        # lets botocore leave out the payload's hash, as it does for `upload_part`
        request.context.update(
            client_config=self._client.meta.config,
            has_streaming_input=True,
            checksum=_CRC32 if "ChecksumCRC32" in checksums else {},
        )
        try:
            credentials = self._client._request_signer._credentials  # type: ignore[attr-defined]  # noqa: SLF001
            S3SigV4Auth(credentials.get_frozen_credentials(), *self._scope).add_auth(request)
            body.begin_sending()
            answer = self._answered(request.prepare())
        except (AttributeError, BotoCoreError):
            answer = None
        if answer is not None and answer.status_code == 200:
            return answer.headers.get("ETag")
        body.seek(0)
        return None

    def _answered(self, request: AWSPreparedRequest) -> AWSResponse:
        """S3's answer, or that of whoever answers requests in S3's place, as moto does."""
        responses = self._client.meta.events.emit(_SENDING_PART, request=request)
        connections = self._client._endpoint.http_session  # type: ignore[attr-defined]  # noqa: SLF001
        answer: AWSResponse = first_non_none_response(responses) or connections.send(request)
        return answer


def _scope(request: AWSPreparedRequest) -> tuple[str, str] | None:
    """Service and region that the request was signed for; None if by another signature."""
    algorithm, _, rest = _text(request.headers.get("Authorization", "")).partition(" Credential=")
    if algorithm != "AWS4-HMAC-SHA256" or "x-amz-s3session-token" in request.headers:
        return None
    _, _, region, service, _ = rest.partition(",")[0].rsplit("/", 4)
    return service, region


def _text(header: str | bytes) -> str:
    return header.decode() if isinstance(header, bytes) else header
