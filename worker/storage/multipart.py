"""One multipart upload: its parts sent side by side, then completed as verified, or aborted."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict

from botocore.exceptions import BotoCoreError, ClientError

from worker.storage.checks import Checks, Whole
from worker.storage.error_translation import without_secrets
from worker.storage.part_body import GivenUp, PartBody
from worker.storage.part_requests import LatestRequest, PartRequests
from worker.storage.parts import Part
from worker.storage.sending import Sending
from worker.threads import Results, Threads

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import CompletedPartTypeDef


class _Target(TypedDict):
    Bucket: str
    Key: str
    UploadId: str


log = logging.getLogger(__name__)


class MultipartUpload:
    def __init__(
        self,
        client: "S3Client",
        requests: PartRequests,
        target: _Target,
        checks: Checks,
        sending: Sending,
    ) -> None:
        self._client = client
        self._target = target
        self._checks = checks
        self._requests = requests
        self._connections = sending.connections
        self._before_piece = sending.before_piece
        self._senders = Threads(self._connections, "sending")
        self._results: Results[None] = Results()
        self._on_their_way = 0
        self._given_up = False
        self._sent: list[CompletedPartTypeDef] = []
        self.id = target["UploadId"]

    def send(self, part: Part) -> None:
        """Send the next part, once a connection is free; raises what befell an earlier one."""
        number = len(self._sent) + 1
        self._sent.append(self._checks.listed(number, part))
        if self._on_their_way == self._connections:
            self._settle_one()
        self._on_their_way += 1
        self._senders.submit(partial(self._send, number, part), self._results)

    def finish(self) -> None:
        """Wait for the parts on their way."""
        while self._on_their_way:
            self._settle_one()

    def complete(self, whole: Whole) -> str | None:
        """The parts become the object; S3 refuses if it has another CRC-32 or size.

        The CRC-32 that it says the object has, as its headers have it; None if it says nothing.
        """
        completed = self._client.complete_multipart_upload(
            **self._target,
            MultipartUpload={"Parts": self._sent},
            **self._checks.for_completion(whole),
        )
        return completed.get("ChecksumCRC32")

    def abort(self) -> None:
        """S3 forgets the parts. What it can't say now is left to the bucket's abort rule."""
        self._given_up = True
        self._senders.close(cancel=True)
        try:
            self._client.abort_multipart_upload(**self._target)
        except (ClientError, BotoCoreError) as error:
            log.warning(
                "multipart upload %s of %s could not be aborted: %s",
                self.id,
                self._target["Key"],
                without_secrets(error),
            )

    def close(self) -> None:
        self._senders.close()

    def _settle_one(self) -> None:
        self._on_their_way -= 1
        self._results.take()

    def _send(self, number: int, part: Part) -> None:
        """S3 refuses the part if the bytes that arrive have another checksum."""
        checks = self._checks.for_part(part)
        etag = self._requests.put(self.id, number, PartBody(part, self._on_the_way), checks)
        if etag is None:
            answer = self._client.upload_part(
                **self._target,
                PartNumber=number,
                Body=PartBody(part, self._on_the_way),  # type: ignore[arg-type]  # as much as is read
                **checks,
            )
            etag = answer["ETag"]
        self._sent[number - 1]["ETag"] = etag

    def _on_the_way(self, size: int) -> None:
        if self._given_up:
            raise GivenUp
        self._before_piece(size)


@contextmanager
def multipart_upload(
    client: "S3Client",
    checks: Checks,
    sending: Sending,
    latest: LatestRequest,
    *,
    bucket: str,
    key: str,
    **properties: Any,
) -> Iterator[MultipartUpload]:
    """A new multipart upload of an object with these properties, aborted if the block raises.

    `latest` is told of requests that create one.
    """
    created = client.create_multipart_upload(
        Bucket=bucket, Key=key, **checks.for_upload(), **properties
    )
    target: _Target = {"Bucket": bucket, "Key": key, "UploadId": created["UploadId"]}
    requests = PartRequests(client, latest.request)
    upload = MultipartUpload(client, requests, target, checks, sending)
    try:
        yield upload
    except BaseException:
        upload.abort()
        raise
    upload.close()
