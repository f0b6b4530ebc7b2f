"""Copies an object to another key of its bucket, and makes sure that the copy is the same."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from botocore.exceptions import ClientError

from worker.errors import ArtifactReplaced, PlaceTaken, StorageUnavailable
from worker.models.stored_object import StoredObject
from worker.storage.client import is_amazon
from worker.storage.errors import refuses_checksums, refuses_conditions
from worker.storage.manage.copy import MAX_COPY, copy_at_once, copy_object
from worker.storage.manage.copy_request import CopyRequest
from worker.storage.objects.bucket import Bucket
from worker.storage.objects.checksums import CRC32


class S3VerifiedCopies:
    """`encryption`: server-side encryption of every copy, as boto3 names its arguments.
    `copy_threshold`: bytes above which an object is copied in parts.
    """

    def __init__(
        self, bucket: Bucket, encryption: dict[str, Any], copy_threshold: int = MAX_COPY
    ) -> None:
        self._bucket = bucket
        self._encryption = encryption
        self._copy_threshold = copy_threshold
        # some stores ignore a condition that they don't know, and copy nevertheless
        self._looks_first = not is_amazon(bucket.endpoint)
        self._sends_conditions = True

    def copy(
        self,
        source: StoredObject,
        key: str,
        *,
        replaces: StoredObject | None = None,
        opened: Callable[[str], None] = lambda _: None,
    ) -> str | None:
        """Copy to a key where nothing stands but `replaces`; returns the copy's `checksum`.

        Does nothing if the same object stands there already. `opened` is called with the id of a
        multipart upload, if the copy takes one. Raises ArtifactArchived, and StorageUnavailable
        if the source or the object under the key has changed.
        """
        try:
            if source.size > self._copy_threshold:
                copied = self._copy_in_parts(source, key, replaces, opened)
            else:
                copied = self._copy_at_once(source, key, replaces)
        except (PlaceTaken, ArtifactReplaced) as error:
            return self._earlier_copy(source, key, error).checksum
        # S3's own copy of an object of several parts has one part, and another ETag
        if copied.etag != source.etag and not self.is_same(source, copied):
            raise StorageUnavailable(f"{key} is not what {source.key} is; both stay")
        return copied.checksum

    def is_same(self, one: StoredObject, other: StoredObject) -> bool:
        """Whether they are the same bytes; reads them if S3 has nothing to tell it by."""
        if one.size != other.size or one.etag == other.etag:
            return one.size == other.size
        known = self._compared(one.key, other.key)
        return self._digest(one) == self._digest(other) if known is None else known

    def _copy_at_once(
        self, source: StoredObject, key: str, replaces: StoredObject | None
    ) -> StoredObject:
        if self._looks_first:
            self._require_standing(key, replaces)
        properties = {"StorageClass": source.storage_class, **self._encryption}
        request = CopyRequest(self._bucket, source, self._bucket, key, properties)
        guards = {"ChecksumAlgorithm": CRC32, **_only_if(replaces)}
        with request.errors(f"copying {source.key} to {key}"):
            try:
                told = copy_at_once(request, guards if self._sends_conditions else {})
            except ClientError as error:
                refused = refuses_conditions(error) or refuses_checksums(error)
                if not (self._sends_conditions and refused):
                    raise
                self._sends_conditions, self._looks_first = False, True
                return self._copy_at_once(source, key, replaces)
        etag, at = told["ETag"].strip('"'), told.get("LastModified", source.modified_at)
        return StoredObject(key, source.size, etag, source.storage_class, at, told)

    def _copy_in_parts(
        self,
        source: StoredObject,
        key: str,
        replaces: StoredObject | None,
        opened: Callable[[str], None],
    ) -> StoredObject:
        found = self._require_standing(source.key, source)
        self._require_standing(key, replaces)
        copy_object(
            self._bucket,
            found or source,
            self._bucket,
            key,
            changes=self._encryption,
            condition=_only_if(replaces),
            threshold=self._copy_threshold,
            opened=opened,
        )
        return self._bucket.require(key)

    def _require_standing(self, key: str, expected: StoredObject | None) -> StoredObject | None:
        """The object under the key; raises PlaceTaken unless that is the expected one, or none."""
        standing = self._bucket.head(key)
        if (standing and standing.etag) != (expected and expected.etag):
            raise PlaceTaken(f"{key} has changed since it was listed")
        return standing

    def _earlier_copy(
        self, source: StoredObject, key: str, changed: PlaceTaken | ArtifactReplaced
    ) -> StoredObject:
        """The copy that stands there already: an earlier run, or another one, may have made it."""
        standing = self._bucket.head(key)
        if standing is None or not self.is_same(source, standing):
            raise StorageUnavailable(
                f"{source.key} or {key} has changed since it was listed; run it again"
            ) from changed
        return standing

    def _compared(self, one: str, other: str) -> bool | None:
        return self._bucket.require(one).is_same(self._bucket.require(other))

    def _digest(self, found: StoredObject) -> bytes:
        digest = sha256()
        for chunk in self._bucket.read(found, 0, found.size):
            digest.update(chunk)
        return digest.digest()


def _only_if(replaces: StoredObject | None) -> dict[str, str]:
    """The condition that nothing stands at the target but the object to be replaced."""
    return {"IfMatch": replaces.quoted_etag} if replaces else {"IfNoneMatch": "*"}
