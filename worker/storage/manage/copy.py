"""Objects copied on the server's side, with all that S3 keeps of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from botocore.exceptions import ClientError

from worker.errors import (
    ArtifactArchived,
    ArtifactNotFound,
    ArtifactReplaced,
    OneprefixError,
    PlaceTaken,
    StorageRefused,
)
from worker.process.parallel import map_parallel
from worker.storage.errors import refuses_conditions, translated_s3_errors
from worker.storage.objects.head import ARCHIVED, Head, head_object
from worker.storage.objects.multipart import abort

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import CompletedPartTypeDef

#: Bytes that one CopyObject copies: "up to 5 GB", read as the smaller of its two meanings.
#: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
MAX_COPY = 5 * 1000**3
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MAX_PARTS = 10_000
#: Bytes of a part where the source's own parts don't say otherwise.
PART_SIZE = 512 * 1024**2
PARTS_AT_ONCE = 4

#: CopyObject takes these over by itself, a multipart upload does not.
_METADATA = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
    "Metadata",
)
#: Neither takes these over.
_PROPERTIES = (
    "BucketKeyEnabled",
    "ObjectLockLegalHoldStatus",
    "ObjectLockMode",
    "ObjectLockRetainUntilDate",
    "SSEKMSKeyId",
    "ServerSideEncryption",
    "StorageClass",
    "WebsiteRedirectLocation",
)


def nobody(_multipart_id: str) -> None: ...


def copy_object(
    client: "S3Client",
    source_bucket: str,
    source_key: str,
    target_bucket: str,
    target_key: str,
    *,
    changes: Mapping[str, str] | None = None,
    condition: Mapping[str, str] | None = None,
    threshold: int = MAX_COPY,
    opened: Callable[[str], None] = nobody,
) -> None:
    """Copy an object; metadata, tags, encryption, checksum and storage class are the source's.

    `changes`: of storage class and encryption, as boto3 names them. `condition`: If-Match or
    If-None-Match, of what stands at the target, likewise; a store that knows no conditions is
    asked without. More bytes than `threshold` go in parts, and `opened` is told of the multipart
    upload. Raises ArtifactNotFound, ArtifactArchived, ArtifactReplaced, PlaceTaken.
    """
    head = head_object(client, source_bucket, source_key)
    if head is None:
        raise ArtifactNotFound(f"there is no {source_key} in {source_bucket}")
    copying = _Copying(
        client,
        source={"Bucket": source_bucket, "Key": source_key},
        target={"Bucket": target_bucket, "Key": target_key},
        head=head,
        properties=head.only(_PROPERTIES) | dict(changes or {}),
        opened=opened,
    )
    with translated_s3_errors(f"copying {source_key}"):
        copy = copying.in_parts if _needs_parts(head, threshold) else copying.at_once
        try:
            _on_condition(copy, dict(condition or {}))
        except ClientError as error:
            if told := _told(error, copying):
                raise told from error
            raise


def _needs_parts(head: Head, threshold: int) -> bool:
    """CopyObject would give what was stored in parts another checksum, unless it is of the whole,
    and another ETag, so that the copy could not be compared.
    """
    whole = head.checksum is not None and head.checksum_type == "FULL_OBJECT"
    return head.size > threshold or (head.part_count > 0 and not whole)


def _on_condition(copy: Callable[[dict[str, str]], None], condition: dict[str, str]) -> None:
    try:
        copy(condition)
    except ClientError as error:
        if not condition or not refuses_conditions(error):
            raise
        copy({})


@dataclass(frozen=True, slots=True)
class _Copying:
    client: "S3Client"
    source: Any
    target: Any
    head: Head
    properties: dict[str, Any]
    opened: Callable[[str], None]

    def at_once(self, condition: dict[str, Any]) -> None:
        self.client.copy_object(
            **self.target,
            CopySource=self.source,
            CopySourceIfMatch=self.head.etag,
            **self.properties,
            **condition,
        )

    def in_parts(self, condition: dict[str, Any]) -> None:
        created = self.client.create_multipart_upload(
            **self.target,
            **self.properties,
            **self.head.only(_METADATA),
            **self._tagging(),
            **self._checksum_of_parts(),
        )
        upload_id = created["UploadId"]
        try:
            self.opened(upload_id)
            self.client.complete_multipart_upload(
                **self.target,
                UploadId=upload_id,
                MultipartUpload={"Parts": self._parts(upload_id)},
                **self._checksum_of_whole(),
                **condition,
            )
        except BaseException:
            abort(self.client, self.target["Bucket"], self.target["Key"], upload_id)
            raise

    def _parts(self, upload_id: str) -> "list[CompletedPartTypeDef]":
        copied = []
        ranges = enumerate(_ranges(self.head.size, self._part_size()), start=1)
        copy = partial(self._part, upload_id)
        for _, part in map_parallel(ranges, copy, concurrency=PARTS_AT_ONCE):
            if isinstance(part, OneprefixError):
                raise part
            copied.append(part)
        return sorted(copied, key=lambda part: part["PartNumber"])

    def _part(self, upload_id: str, numbered: tuple[int, str]) -> "CompletedPartTypeDef":
        number, byte_range = numbered
        with translated_s3_errors(f"copying part {number} of {self.source['Key']}"):
            try:
                answer = self.client.upload_part_copy(
                    **self.target,
                    UploadId=upload_id,
                    PartNumber=number,
                    CopySource=self.source,
                    CopySourceRange=byte_range,
                    CopySourceIfMatch=self.head.etag,
                )
            except ClientError as error:
                if told := _told(error, self):
                    raise told from error
                raise
        result: Any = answer["CopyPartResult"]
        if "ETag" not in result:
            raise StorageRefused(f"copying {self.source['Key']}: the store can't copy parts")
        checks = {name: value for name, value in result.items() if name.startswith("Checksum")}
        return {"PartNumber": number, "ETag": result["ETag"], **checks}  # type: ignore[typeddict-item]

    def _part_size(self) -> int:
        """The source's own, so that ETag and composite checksum come out as they were."""
        if self.head.part_count:
            first = self.client.head_object(**self.source, PartNumber=1)["ContentLength"]
            if -(-self.head.size // first) == self.head.part_count:
                return first
        return max(PART_SIZE, -(-self.head.size // MAX_PARTS))

    def _tagging(self) -> dict[str, Any]:
        """Asked for in any case: who may not read tags is not told that there are some."""
        try:
            tags = self.client.get_object_tagging(**self.source)["TagSet"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "NotImplemented":
                raise
            return {}
        text = urlencode([(tag["Key"], tag["Value"]) for tag in tags])
        return {"Tagging": text} if text else {}

    def _checksum_of_parts(self) -> dict[str, Any]:
        if self.head.checksum is None:
            return {}
        algorithm = self.head.checksum[0].removeprefix("Checksum")
        return {"ChecksumAlgorithm": algorithm, "ChecksumType": self.head.checksum_type}

    def _checksum_of_whole(self) -> dict[str, Any]:
        """S3 compares the source's with that of the parts that it has copied."""
        size = {"MpuObjectSize": self.head.size}
        if self.head.checksum is None or self.head.checksum_type != "FULL_OBJECT":
            return size
        name, value = self.head.checksum
        return size | {name: value, "ChecksumType": "FULL_OBJECT"}


def _ranges(size: int, part_size: int) -> list[str]:
    return [
        f"bytes={start}-{min(start + part_size, size) - 1}" for start in range(0, size, part_size)
    ]


def _told(error: ClientError, copying: _Copying) -> OneprefixError | None:
    """What it means for a copy; None if no more than S3 says."""
    key = copying.source["Key"]
    code = error.response["Error"]["Code"]
    if code in ARCHIVED:
        return ArtifactArchived(f"{key} is archived and not restored: `oneprefix restore` it first")
    if code == "PreconditionFailed":
        if (
            copying.source == copying.target
            or "copy-source" in str(error.response["Error"]).lower()
        ):
            return ArtifactReplaced(f"{key} was replaced meanwhile; run the command again")
        bucket = copying.target["Bucket"]
        return PlaceTaken(f"s3://{bucket}/{copying.target['Key']} was written by others meanwhile")
    return None
