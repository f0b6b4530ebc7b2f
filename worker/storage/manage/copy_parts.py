"""Copies an object part by part, as a multipart upload whose parts S3 copies."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from botocore.exceptions import ClientError

from worker.errors import OneprefixError, StorageRefused
from worker.models.stored_object import StoredObject
from worker.process.parallel import map_parallel
from worker.storage.manage.copy_request import CopyRequest

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import CompletedPartTypeDef

#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MAX_PARTS = 10_000
#: Bytes of a part where the source was not stored in parts of its own.
PART_SIZE = 512 * 1024**2
#: Parts of one object that are copied side by side.
CONCURRENT_PARTS = 4

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


def copy_in_parts(
    request: CopyRequest, opened: Callable[[str], None], condition: Mapping[str, Any]
) -> None:
    """Copy the object; the multipart upload is aborted if that fails.

    `opened` is called with the multipart upload's id before the first part is copied.
    """
    client, target = request.target.client, request.target_place
    upload_id = client.create_multipart_upload(
        **target,
        **request.properties,
        **request.found.select(_METADATA),
        **_tagging(request),
        **_checksum_of_parts(request.found),
    )["UploadId"]
    try:
        opened(upload_id)
        client.complete_multipart_upload(
            **target,
            UploadId=upload_id,
            MultipartUpload={"Parts": _copy_parts(request, upload_id)},
            **_checksum_of_whole(request.found),
            **condition,
        )
    except BaseException:
        request.target.abort(request.key, upload_id)
        raise


def _copy_parts(request: CopyRequest, upload_id: str) -> "list[CompletedPartTypeDef]":
    size = _part_size(request)
    starts = enumerate(range(0, request.found.size, size), start=1)
    copy = partial(_copy_part, request, upload_id, size)
    copied = []
    for _, part in map_parallel(starts, copy, concurrency=CONCURRENT_PARTS):
        if isinstance(part, OneprefixError):
            raise part
        copied.append(part)
    return sorted(copied, key=lambda part: part["PartNumber"])


def _copy_part(
    request: CopyRequest, upload_id: str, size: int, numbered: tuple[int, int]
) -> "CompletedPartTypeDef":
    number, start = numbered
    key, end = request.found.key, min(start + size, request.found.size)
    with request.errors(f"copying part {number} of {key}"):
        answer = request.target.client.upload_part_copy(
            **request.target_place,
            UploadId=upload_id,
            PartNumber=number,
            CopySource=request.source_place,
            CopySourceRange=f"bytes={start}-{end - 1}",
            CopySourceIfMatch=request.found.quoted_etag,
        )
    result: Any = answer["CopyPartResult"]
    if "ETag" not in result:
        raise StorageRefused(f"copying {key}: the store can't copy parts")
    checksums = {name: value for name, value in result.items() if name.startswith("Checksum")}
    return {"PartNumber": number, "ETag": result["ETag"], **checksums}  # type: ignore[typeddict-item]


def _part_size(request: CopyRequest) -> int:
    """The source's own part size, so that ETag and composite checksum of the copy are equal."""
    found = request.found
    if found.part_count:
        first = request.source.head(found.key, part=1)
        if first and -(-found.size // first.size) == found.part_count:
            return first.size
    return max(PART_SIZE, -(-found.size // MAX_PARTS))


def _tagging(request: CopyRequest) -> dict[str, Any]:
    """The source's tags. HEAD does not count them for those who may not read tags."""
    try:
        tags = request.source.client.get_object_tagging(**request.source_place)["TagSet"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NotImplemented":
            raise
        return {}
    text = urlencode([(tag["Key"], tag["Value"]) for tag in tags])
    return {"Tagging": text} if text else {}


def _checksum_of_parts(found: StoredObject) -> dict[str, Any]:
    name = next(iter(found.all_checksums), None)
    if name is None:
        return {}
    return {
        "ChecksumAlgorithm": name.removeprefix("Checksum"),
        "ChecksumType": found.checksum_type,
    }


def _checksum_of_whole(found: StoredObject) -> dict[str, Any]:
    """S3 compares the source's size and checksum with those of the parts that it has copied."""
    size = {"MpuObjectSize": found.size}
    if not found.all_checksums or found.checksum_type != "FULL_OBJECT":
        return size
    name, value = next(iter(found.all_checksums.items()))
    return size | {name: value, "ChecksumType": "FULL_OBJECT"}
