"""The bucket's objects wherever they lie, to be moved to where they belong."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from worker.errors import (
    ArtifactArchived,
    ArtifactReplaced,
    InvalidObjectUrl,
    PlaceTaken,
    StorageUnavailable,
)
from worker.models.stored_object import StoredObject
from worker.redaction import redacted
from worker.storage.client import is_amazon
from worker.storage.errors import refuses_checksums, refuses_conditions, translated_s3_errors
from worker.storage.manage.copy import MAX_COPY, copy_object, nobody
from worker.storage.objects.artifact_store import listed
from worker.storage.objects.checksums import CRC32
from worker.storage.objects.comparison import ARCHIVE_TAIL, are_same, checksums_of, has_end_record
from worker.storage.objects.head import ARCHIVED, head_object
from worker.storage.objects.url import ObjectUrl

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


class S3MigrationStore:
    """`encryption`: arguments of server-side encryption for every copy, as boto3 names them.
    `copy_threshold`: bytes above which an object is copied in parts.
    """

    def __init__(
        self,
        client: "S3Client",
        bucket: str,
        encryption: dict[str, Any],
        copy_threshold: int = MAX_COPY,
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._encryption = encryption
        self._copy_threshold = copy_threshold
        # some stores do not refuse a condition that they don't know, and copy nevertheless
        self._looks_first = not is_amazon(client.meta.endpoint_url)
        self._knows_conditions = True

    def list(self, beneath: str) -> Iterator[StoredObject]:
        return listed(self._client, self._bucket, beneath)

    def url(self, key: str) -> str:
        return ObjectUrl(self._bucket, key).permanent(self._client.meta.endpoint_url)

    def key_of(self, url: str) -> str:
        found = ObjectUrl.parse(url, endpoint=self._client.meta.endpoint_url)
        if found.bucket != self._bucket:
            told = redacted(url)
            raise InvalidObjectUrl(f"{told!r:.300} is in another bucket than {self._bucket}")
        return found.key

    def ends_as_archive(self, found: StoredObject) -> bool:
        start = max(0, found.size - ARCHIVE_TAIL)
        with translated_s3_errors(f"reading the end of {found.key}"), _told_if_archived(found):
            answer = self._client.get_object(
                Bucket=self._bucket, Key=found.key, Range=f"bytes={start}-"
            )
            with closing(answer["Body"]) as body:
                return has_end_record(body.read())

    def is_same(self, one: StoredObject, other: StoredObject) -> bool:
        if one.size != other.size or one.etag == other.etag:
            return one.size == other.size
        with translated_s3_errors(f"comparing {one.key} with {other.key}"), _told_if_archived(one):
            known = are_same(self._head(one.key), self._head(other.key))
            return self._digest(one.key) == self._digest(other.key) if known is None else known

    def checksum(self, key: str) -> str | None:
        with translated_s3_errors(f"looking at {key}"):
            return _crc32(self._head(key))

    def copy(
        self,
        source: StoredObject,
        key: str,
        *,
        replaces: StoredObject | None = None,
        opened: Callable[[str], None] = nobody,
    ) -> str | None:
        with translated_s3_errors(f"copying {source.key} to {key}"), _told_if_archived(source):
            if source.size > self._copy_threshold:
                copied = self._copied_in_parts(source, key, replaces, opened)
            else:
                copied = self._copied(source, key, replaces)
            if copied is None:
                self._require_copy(source, key)
                return self.checksum(key)
            # S3's own copy of an object of several parts has one part, and another ETag
            if copied["ETag"].strip('"') != source.etag and self._differ(source.key, key):
                raise StorageUnavailable(f"{key} is not what {source.key} is; both stay")
            return _crc32(copied)

    def delete(self, source: StoredObject) -> None:
        condition: Any = {"IfMatch": source.etag} if self._knows_conditions else {}
        with translated_s3_errors(f"deleting {source.key}"):
            try:
                self._client.delete_object(Bucket=self._bucket, Key=source.key, **condition)
            except ClientError as error:
                if error.response["Error"]["Code"] not in ("NoSuchKey", "404"):
                    raise

    def _copied(
        self, source: StoredObject, key: str, replaces: StoredObject | None
    ) -> Mapping[str, Any] | None:
        """What S3 tells of the copy; None if the source or what stands there is another by now."""
        if self._looks_first and not self._stands(replaces, key):
            return None
        asked: dict[str, Any] = {"StorageClass": source.storage_class, **self._encryption}
        if self._knows_conditions:
            asked |= {"ChecksumAlgorithm": CRC32, **_only_if(replaces)}
        try:
            answer = self._client.copy_object(
                Bucket=self._bucket,
                Key=key,
                CopySource={"Bucket": self._bucket, "Key": source.key},
                CopySourceIfMatch=source.etag,
                **asked,
            )
        except ClientError as error:
            if self._knows_conditions and (refuses_conditions(error) or refuses_checksums(error)):
                self._knows_conditions, self._looks_first = False, True
                return self._copied(source, key, replaces)
            if error.response["Error"]["Code"] == "PreconditionFailed":
                return None
            raise
        return answer["CopyObjectResult"]

    def _copied_in_parts(
        self,
        source: StoredObject,
        key: str,
        replaces: StoredObject | None,
        opened: Callable[[str], None],
    ) -> Mapping[str, Any] | None:
        if not self._stands(source, source.key) or not self._stands(replaces, key):
            return None
        place = self._bucket
        try:
            copy_object(
                self._client,
                place,
                source.key,
                place,
                key,
                changes=self._encryption,
                condition=_only_if(replaces),
                threshold=self._copy_threshold,
                opened=opened,
            )
        except (PlaceTaken, ArtifactReplaced):
            return None
        return self._head(key)

    def _stands(self, expected: StoredObject | None, key: str) -> bool:
        """Whether that very object stands under the key, or none, as expected."""
        standing = self._standing(key)
        return (standing and standing.etag) == (expected and expected.etag)

    def _require_copy(self, source: StoredObject, key: str) -> None:
        """What stands there may be the copy that an earlier run, or another one, has made."""
        standing = self._standing(key)
        if standing is None or not self.is_same(source, standing):
            raise StorageUnavailable(
                f"{source.key} or {key} has changed since it was listed; run it again"
            )

    def _differ(self, one: str, other: str) -> bool:
        return are_same(self._head(one), self._head(other)) is False

    def _standing(self, key: str) -> StoredObject | None:
        head = head_object(self._client, self._bucket, key)
        if head is None:
            return None
        return StoredObject(
            key=key,
            size=head.size,
            etag=head.etag.strip('"'),
            storage_class=head.fields.get("StorageClass", "STANDARD"),
            modified_at=head.fields["LastModified"],
        )

    def _head(self, key: str) -> dict[str, Any]:
        return dict(self._client.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED"))

    def _digest(self, key: str) -> bytes:
        digest = sha256()
        with closing(self._client.get_object(Bucket=self._bucket, Key=key)["Body"]) as body:
            for chunk in body.iter_chunks(1 << 20):
                digest.update(chunk)
        return digest.digest()


def _only_if(replaces: StoredObject | None) -> dict[str, str]:
    """The condition that this is what is replaced."""
    return {"IfMatch": replaces.etag} if replaces else {"IfNoneMatch": "*"}


def _crc32(told: Mapping[str, Any]) -> str | None:
    """As an upload's row has it."""
    crc = checksums_of(told).get("ChecksumCRC32")
    return f"{CRC32}:{crc}" if crc else None


@contextmanager
def _told_if_archived(found: StoredObject) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] not in ARCHIVED:
            raise
        raise ArtifactArchived(
            f"{found.key} is archived as {found.storage_class}; restore it first"
        ) from error
