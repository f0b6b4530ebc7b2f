"""Sends an archive by a multipart upload: parts side by side, completed as verified, or aborted."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict

from botocore.exceptions import ClientError

from worker.errors import TransientError, TreeChanged
from worker.models.artifact import Artifact
from worker.process.threads import Results, Threads
from worker.storage.objects.bucket import Bucket
from worker.storage.upload.checksums import (
    ChecksumsRefused,
    RequestChecksums,
    WholeObject,
    is_stored,
)
from worker.storage.upload.conditional_write import Condition, ConditionalWriter
from worker.storage.upload.fast_part_requests import PartRequests
from worker.storage.upload.limits import Sending
from worker.storage.upload.part_body import PartBody, SendingStopped
from worker.storage.upload.parts import Part

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import CompletedPartTypeDef, PartTypeDef

log = logging.getLogger(__name__)

#: Seconds for the parts that are being sent to stop where they are.
PATIENCE = 2.0
#: Refusals of a completion after which its parts are of no use.
#: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
_SPOILT = ("BadDigest", "ConditionalRequestConflict", "InvalidPart", "InvalidPartOrder")


class Target(TypedDict):
    """A multipart upload, as boto3 names it."""

    Bucket: str
    Key: str
    UploadId: str


@dataclass(slots=True, eq=False)
class MultipartUpload:
    """An `OutgoingArchive` whose parts are sent over several connections."""

    bucket: Bucket
    target: Target
    parts: Iterable[Part]
    sending: Sending
    requests: PartRequests
    writer: ConditionalWriter
    checksums: RequestChecksums
    stored: "Mapping[int, PartTypeDef]"
    """The parts that S3 has already, by their numbers."""
    sent: Callable[[int], None]
    """Called from any thread for each piece sent, with its bytes; see `PartBody`."""
    check: Callable[[], None]
    """Called every second while waiting; may raise."""
    is_spoilt: bool = field(default=False, init=False)
    """Whether no attempt can resume this upload."""
    _senders: Threads = field(init=False)
    _results: Results[None] = field(default_factory=Results, init=False)
    _under_way: int = field(default=0, init=False)
    _is_stopped: bool = field(default=False, init=False)
    _sent: "list[CompletedPartTypeDef]" = field(default_factory=list, init=False)
    _whole: WholeObject = field(default_factory=WholeObject, init=False)

    def __post_init__(self) -> None:
        self._senders = Threads(self.sending.connections, "sending")

    @property
    def multipart_upload_id(self) -> str:
        return self.target["UploadId"]

    def send_parts(self) -> Artifact:
        for part in self.parts:
            self._whole.add(part)
            self._send_next(part)
        while self._under_way:
            self._wait_for_one()
        return self._whole.artifact(self.target["Key"])

    def complete(self, condition: Condition | None = None) -> Condition | None:
        artifact = self._whole.artifact(self.target["Key"])
        return self.writer.write(artifact, condition, self._complete)

    def stop(self) -> None:
        """Send no more. A part whose connection hangs holds nobody up."""
        self._is_stopped = True
        self._senders.close(cancel=True, patience=PATIENCE)

    def close(self) -> None:
        self._senders.close()

    def _complete(self, condition: Condition) -> str | None:
        """Let the parts become the object; S3 refuses if its CRC-32 or size is another."""
        try:
            completed = self.bucket.client.complete_multipart_upload(
                **self.target,
                MultipartUpload={"Parts": self._sent},
                **self.checksums.for_completion(self._whole),
                **condition,
            )
        except ClientError as error:
            self.is_spoilt = error.response["Error"]["Code"] in _SPOILT
            raise
        return completed.get("ChecksumCRC32")

    def _send_next(self, part: Part) -> None:
        """Send the part once a connection is free; raises the error of an earlier part."""
        number = len(self._sent) + 1
        self._sent.append(self.checksums.listed(number, part))
        stored = self.stored.get(number)
        if stored and is_stored(part, stored):
            self._sent[-1]["ETag"] = stored["ETag"]
            self.sent(part.size)
            return
        if self._under_way == self.sending.connections:
            self._wait_for_one()
        self._under_way += 1
        self._senders.submit(partial(self._send, number, part), self._results)

    def _wait_for_one(self) -> None:
        self._under_way -= 1
        self._results.take(meanwhile=self.check)

    def _send(self, number: int, part: Part) -> None:
        """Send the part from this thread; S3 refuses bytes with another checksum."""
        checksums = self.checksums.for_part(part)
        body = PartBody(part, self._before_piece)
        etag = self.requests.put(self.multipart_upload_id, number, body, checksums)
        self._sent[number - 1]["ETag"] = etag or self._upload_part(number, part, checksums)
        self.sending.taken(part.size)

    def _upload_part(self, number: int, part: Part, checksums: dict[str, Any]) -> str:
        try:
            answer = self.bucket.client.upload_part(
                **self.target,
                PartNumber=number,
                Body=PartBody(part, self._before_piece),  # type: ignore[arg-type]  # as much as is read
                **checksums,
            )
        except ClientError as error:
            if number in self.stored and error.response["Error"]["Code"] == "NotImplemented":
                raise TreeChanged(
                    f"part {number} differs from the one sent before, which this store keeps"
                ) from error
            raise
        return answer["ETag"]

    def _before_piece(self, size: int) -> None:
        if self._is_stopped and size > 0:
            raise SendingStopped
        self.sending.before_piece(self.sent, size)


@contextmanager
def aborted_unless_resumable(bucket: Bucket, key: str, upload: MultipartUpload) -> Iterator[None]:
    """Close the upload after the block; abort it if the block raises what no attempt can resume."""
    try:
        yield
    except BaseException as error:
        upload.stop()
        is_final = isinstance(error, TreeChanged | ChecksumsRefused)
        if upload.is_spoilt or is_final or not isinstance(error, TransientError):
            bucket.abort(key, upload.multipart_upload_id)
        raise
    upload.close()


def stored_parts(bucket: Bucket, key: str, upload_id: str) -> "dict[int, PartTypeDef] | None":
    """The parts that S3 has of the upload; None if it has forgotten the upload, or won't tell."""
    client = bucket.client
    pages = client.get_paginator("list_parts").paginate(
        Bucket=bucket.name, Key=key, UploadId=upload_id
    )
    try:
        return {part["PartNumber"]: part for page in pages for part in page.get("Parts", [])}
    except client.exceptions.NoSuchUpload:
        return None
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        log.warning("the parts of %s can't be listed, so all are sent again: %s", key, error)
        bucket.abort(key, upload_id)
        return None
