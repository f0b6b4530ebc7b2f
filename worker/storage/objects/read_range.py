"""Reads byte ranges of one object, and of no other that takes its place."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from worker.errors import (
    ArtifactNotFound,
    ArtifactReplaced,
    StorageRefused,
    StorageUnavailable,
)
from worker.models.stored_object import StoredObject
from worker.storage.client import REQUEST_ATTEMPTS
from worker.storage.errors import archived, is_archived, is_not_found, translated_s3_errors

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from types_boto3_s3 import S3Client

#: Bytes that are handed on at a time.
CHUNK = 256 << 10


def read_range(
    client: "S3Client", bucket: str, found: StoredObject, start: int, end: int
) -> Iterator[bytes]:
    """Yield the object's bytes from `start` up to `end`; see `Bucket.read`."""
    tries_left = REQUEST_ATTEMPTS
    with _reading(found):
        while start < end:
            tries_left -= 1
            with closing(_body(client, bucket, found, start, end)) as body:
                try:
                    for chunk in body.iter_chunks(CHUNK):
                        if len(chunk) > end - start:
                            raise StorageRefused(
                                f"reading {found.key}: the store sends more than it was asked for"
                            )
                        start += len(chunk)
                        yield chunk
                except BotoCoreError:
                    if not tries_left:
                        raise
            if start < end and not tries_left:
                raise StorageUnavailable(
                    f"reading {found.key}: the last {end - start} bytes do not come"
                )


def _body(
    client: "S3Client", bucket: str, found: StoredObject, start: int, end: int
) -> "StreamingBody":
    version: Any = {"VersionId": found.version_id} if found.version_id else {}
    answer = client.get_object(
        Bucket=bucket,
        Key=found.key,
        Range=f"bytes={start}-{end - 1}",
        IfMatch=found.quoted_etag,
        **version,
    )
    if answer["ETag"].strip('"') != found.etag:  # rclone ignores conditions
        answer["Body"].close()
        raise _replaced(found.key)
    if answer.get("ContentRange") != f"bytes {start}-{end - 1}/{found.size}":
        answer["Body"].close()
        raise StorageRefused(f"reading {found.key}: the store does not answer by ranges")
    return answer["Body"]


@contextmanager
def _reading(found: StoredObject) -> Iterator[None]:
    with translated_s3_errors(f"reading {found.key}"):
        try:
            yield
        except ClientError as error:
            if is_not_found(error):
                raise ArtifactNotFound(f"{found.key} is not there") from error
            if is_archived(error):
                raise archived(found) from error
            if error.response["Error"]["Code"] in ("412", "PreconditionFailed"):
                raise _replaced(found.key) from error
            raise


def _replaced(key: str) -> ArtifactReplaced:
    return ArtifactReplaced(f"{key} was replaced while it was read; begin anew")
