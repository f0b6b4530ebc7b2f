"""Reads objects by ranges, each of the very object that was first looked at."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from worker.errors import ArtifactArchived, ArtifactNotFound, ArtifactReplaced, StorageRefused
from worker.models.storage_class import NEEDS_RESTORE
from worker.models.stored_object import InspectedObject
from worker.storage.client import REQUEST_ATTEMPTS
from worker.storage.errors import translated_s3_errors
from worker.storage.objects.checksums import CRC32
from worker.storage.objects.range_reader import RangeReader

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import HeadObjectOutputTypeDef

CHUNK = 256 << 10


class S3ObjectReader:
    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def look(self, key: str) -> InspectedObject:
        with _reading(key):
            head = self._client.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
        return _inspected(key, head)

    def open(self, key: str) -> RangeReader:
        found = self.look(key)
        return RangeReader(found.size, partial(self.chunks, found))

    def chunks(self, found: InspectedObject, start: int, end: int) -> Iterator[bytes]:
        """The object's bytes from `start` to `end`; what breaks off is asked for again, from there.

        ArtifactReplaced if it is another object by now, ArtifactArchived if it can't be read.
        """
        tries_left = REQUEST_ATTEMPTS
        with _reading(found.key):
            while start < end:
                tries_left -= 1
                with closing(self._body(found, start, end)) as body:
                    try:
                        for chunk in body.iter_chunks(CHUNK):
                            start += len(chunk)
                            yield chunk
                    except BotoCoreError:
                        if not tries_left:
                            raise

    def _body(self, found: InspectedObject, start: int, end: int) -> "StreamingBody":
        answer = self._client.get_object(
            Bucket=self._bucket,
            Key=found.key,
            Range=f"bytes={start}-{end - 1}",
            IfMatch=f'"{found.etag}"',
        )
        if answer["ETag"].strip('"') != found.etag:  # rclone knows no conditions
            answer["Body"].close()
            raise _replaced(found.key)
        if answer.get("ContentRange") != f"bytes {start}-{end - 1}/{found.size}":
            answer["Body"].close()
            raise StorageRefused(f"reading {found.key}: the store does not answer by ranges")
        return answer["Body"]


@dataclass(frozen=True, slots=True)
class ObjectContent:
    """Of that very object: once another one stands under its key, ArtifactReplaced."""

    reader: S3ObjectReader
    found: InspectedObject

    @property
    def size(self) -> int:
        return self.found.size

    def read(self, start: int, end: int) -> bytes:
        return b"".join(self.reader.chunks(self.found, start, end))


def _inspected(key: str, head: "HeadObjectOutputTypeDef") -> InspectedObject:
    # some stores give the names of metadata back in capitals
    metadata = {name.lower(): value for name, value in head["Metadata"].items()}
    return InspectedObject(
        key=key,
        size=head["ContentLength"],
        etag=head["ETag"].strip('"'),
        modified_at=head["LastModified"],
        checksum=_checksum(head),
        sha256=metadata.get("sha256"),
        storage_class=head.get("StorageClass", "STANDARD"),
        is_readable=_is_readable(head),
    )


def _checksum(head: "HeadObjectOutputTypeDef") -> str | None:
    """One that is composed, as `base64-parts`, tells nothing of the whole."""
    known = head.get("ChecksumCRC32", "-")
    is_of_parts = head.get("ChecksumType") == "COMPOSITE" or "-" in known
    return None if is_of_parts else f"{CRC32}:{known}"


def _is_readable(head: "HeadObjectOutputTypeDef") -> bool:
    is_archived = head.get("StorageClass") in NEEDS_RESTORE or "ArchiveStatus" in head
    return not is_archived or 'ongoing-request="false"' in head.get("Restore", "")


@contextmanager
def _reading(key: str) -> Iterator[None]:
    with translated_s3_errors(f"reading {key}"):
        try:
            yield
        except ClientError as error:
            match error.response["Error"]["Code"]:
                case "404" | "NoSuchKey":
                    raise ArtifactNotFound(f"{key} is not there") from error
                case "412" | "PreconditionFailed":
                    raise _replaced(key) from error
                case "InvalidObjectState":
                    raise ArtifactArchived(
                        f"{key} lies in {_storage_class(error)} and can't be read;"
                        " `oneprefix restore` makes it readable for some days"
                    ) from error
            raise


def _replaced(key: str) -> ArtifactReplaced:
    return ArtifactReplaced(f"{key} was replaced while it was read; begin anew")


def _storage_class(error: ClientError) -> str:
    answer: Any = error.response
    return str(answer.get("StorageClass") or answer["Error"].get("StorageClass") or "an archive")
