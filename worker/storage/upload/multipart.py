"""One multipart upload: its parts sent side by side, then completed as verified, or aborted."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict

from botocore.exceptions import ClientError

from worker.errors import TransientError, TreeChanged
from worker.process.threads import Results, Threads
from worker.storage.objects.multipart import abort
from worker.storage.upload.checksums import Checks, OtherChecks, Whole, is_same
from worker.storage.upload.part_body import GivenUp, PartBody
from worker.storage.upload.part_requests import LatestRequest, PartRequests
from worker.storage.upload.parts import Part
from worker.storage.upload.sending import Sending
from worker.use_cases.upload.ports import Attempt

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import CompletedPartTypeDef, PartTypeDef


class _Target(TypedDict):
    Bucket: str
    Key: str
    UploadId: str


log = logging.getLogger(__name__)

#: Seconds for the parts on their way to stop where they are.
PATIENCE = 2.0
#: Refusals of a completion that its parts have earned.
#: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
_SPOILT = ("BadDigest", "ConditionalRequestConflict", "InvalidPart", "InvalidPartOrder")


class MultipartUpload:
    def __init__(
        self,
        client: "S3Client",
        requests: PartRequests,
        target: _Target,
        checks: Checks,
        sending: Sending,
        *,
        attempt: Attempt,
        begun: "Mapping[int, PartTypeDef]",
    ) -> None:
        """`begun`: the parts that S3 has already, by their numbers."""
        self._client = client
        self._target = target
        self._checks = checks
        self._requests = requests
        self._connections = sending.connections
        self._before_piece = sending.before_piece
        self._attempt = attempt
        self._begun = begun
        self._senders = Threads(self._connections, "sending")
        self._results: Results[None] = Results()
        self._on_their_way = 0
        self._given_up = False
        self._sent: list[CompletedPartTypeDef] = []
        self.id = target["UploadId"]
        self.is_spoilt = False
        """Whether no attempt can go on with it."""

    def send(self, part: Part) -> None:
        """Send the next part, once a connection is free; raises what befell an earlier one."""
        number = len(self._sent) + 1
        self._sent.append(self._checks.listed(number, part))
        begun = self._begun.get(number)
        if begun and is_same(part, begun):
            self._sent[-1]["ETag"] = begun["ETag"]
            return
        if self._on_their_way == self._connections:
            self._settle_one()
        self._on_their_way += 1
        self._senders.submit(partial(self._send, number, part), self._results)

    def finish(self) -> None:
        """Wait for the parts on their way."""
        while self._on_their_way:
            self._settle_one()

    def complete(self, whole: Whole, condition: dict[str, Any]) -> str | None:
        """The parts become the object; S3 refuses if it has another CRC-32 or size, or unless the
        condition holds.

        The CRC-32 that it says the object has, as its headers have it; None if it says nothing.
        """
        try:
            completed = self._client.complete_multipart_upload(
                **self._target,
                MultipartUpload={"Parts": self._sent},
                **self._checks.for_completion(whole),
                **condition,
            )
        except ClientError as error:
            self.is_spoilt = error.response["Error"]["Code"] in _SPOILT
            raise
        return completed.get("ChecksumCRC32")

    def stop(self) -> None:
        """Send no more. A part whose connection hangs holds nobody up."""
        self._given_up = True
        self._senders.close(cancel=True, patience=PATIENCE)

    def close(self) -> None:
        self._senders.close()

    def _settle_one(self) -> None:
        self._on_their_way -= 1
        self._results.take(meanwhile=self._attempt.check)

    def _send(self, number: int, part: Part) -> None:
        """S3 refuses the part if the bytes that arrive have another checksum."""
        checks = self._checks.for_part(part)
        etag = self._requests.put(self.id, number, PartBody(part, self._on_the_way), checks)
        self._sent[number - 1]["ETag"] = etag or self._sent_by_boto3(number, part, checks)

    def _sent_by_boto3(self, number: int, part: Part, checks: dict[str, Any]) -> str:
        try:
            answer = self._client.upload_part(
                **self._target,
                PartNumber=number,
                Body=PartBody(part, self._on_the_way),  # type: ignore[arg-type]  # as much as is read
                **checks,
            )
        except ClientError as error:
            if number in self._begun and error.response["Error"]["Code"] == "NotImplemented":
                raise TreeChanged(
                    f"part {number} was another when it was first sent, and this store keeps that"
                ) from error
            raise
        return answer["ETag"]

    def _on_the_way(self, size: int) -> None:
        if self._given_up:
            raise GivenUp
        self._attempt.moved()
        self._before_piece(size)


@contextmanager
def multipart_upload(
    client: "S3Client",
    checks: Checks,
    sending: Sending,
    latest: LatestRequest,
    attempt: Attempt,
    *,
    begun: str | None,
    bucket: str,
    key: str,
    **properties: Any,
) -> Iterator[MultipartUpload]:
    """A multipart upload of an object with these properties, going on with the `begun` one.

    If the block raises, it is aborted, unless a later attempt can go on with it. `latest` is told
    of requests that create or list one.
    """
    parts = _parts(client, bucket, key, begun) if begun else None
    if begun is None or parts is None:
        created = client.create_multipart_upload(
            Bucket=bucket, Key=key, **checks.for_upload(), **properties
        )
        begun, parts = created["UploadId"], {}
    target: _Target = {"Bucket": bucket, "Key": key, "UploadId": begun}
    requests = PartRequests(client, latest.request)
    upload = MultipartUpload(
        client, requests, target, checks, sending, attempt=attempt, begun=parts
    )
    try:
        yield upload
    except BaseException as error:
        upload.stop()
        if upload.is_spoilt or not _can_go_on_after(error):
            abort(client, bucket, key, upload.id)
        raise
    upload.close()


def _can_go_on_after(error: BaseException) -> bool:
    return isinstance(error, TransientError) and not isinstance(error, (TreeChanged, OtherChecks))


def _parts(
    client: "S3Client", bucket: str, key: str, upload_id: str
) -> "dict[int, PartTypeDef] | None":
    """What S3 has of the upload; None if it has forgotten it, or won't tell."""
    pages = client.get_paginator("list_parts").paginate(Bucket=bucket, Key=key, UploadId=upload_id)
    try:
        return {part["PartNumber"]: part for page in pages for part in page.get("Parts", [])}
    except client.exceptions.NoSuchUpload:
        return None
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        log.warning("the parts of %s can't be listed, so all are sent again: %s", key, error)
        abort(client, bucket, key, upload_id)
        return None
