"""One bucket: URLs, HEAD, listings, ranges and deletions of the objects in it."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from worker.errors import ArtifactNotFound, InvalidObjectUrl, OneprefixError, StorageRefused
from worker.models.job_s3_prefix import ALL_JOBS
from worker.models.stored_object import IncompleteUpload, ObjectUrl, StoredObject
from worker.storage.errors import is_not_found, refuses_conditions, translated_s3_errors
from worker.storage.objects.read_range import read_range
from worker.storage.objects.seekable_object import RangeReader
from worker.storage.objects.url import parse_url, permanent_url

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

#: Answers of stores without multipart uploads; rclone gives the first until one was created.
_KNOWS_NO_UPLOADS = ("NoSuchUpload", "NotImplemented", "MethodNotAllowed")

log = logging.getLogger(__name__)


class Bucket:
    """The bucket `name` as `client` reaches it. Every method may be called from any thread.

    Methods that ask S3 raise StorageRefused or StorageUnavailable.
    """

    def __init__(self, client: "S3Client", name: str, *, is_other: bool = False) -> None:
        self.client = client
        self.name = name
        self._shown = f"s3://{name}/" if is_other else ""

    def other(self, name: str) -> "Bucket":
        """The bucket of that name, whose errors name it, through the same client."""
        return self if name == self.name else Bucket(self.client, name, is_other=True)

    @property
    def endpoint(self) -> str:
        return self.client.meta.endpoint_url

    def url(self, key: str) -> str:
        """The object's permanent URL; never presigned."""
        return permanent_url(self.name, key, self.endpoint)

    def parse(self, url: str) -> ObjectUrl:
        """The object, of this bucket or another, that the URL names; raises InvalidObjectUrl."""
        return parse_url(url, endpoint=self.endpoint)

    def is_at(self, url: str, key: str) -> bool:
        """Whether the URL, in whatever form, names this bucket's object, or a version of it."""
        try:
            return self.parse(url)[:2] == (self.name, key)
        except InvalidObjectUrl:
            return False

    def moment(self, since: float) -> datetime:
        """The time `since`, on this process's monotonic clock, as S3's clock told it.

        Rounded up, as S3 rounds the times of objects down. If S3 answers slowly it is too early,
        by as long as the answer took.
        """
        with translated_s3_errors(f"asking {self.name} for the time"):
            now = _clock(self.client.list_objects_v2(Bucket=self.name, MaxKeys=1, Prefix=ALL_JOBS))
        return now + timedelta(seconds=1 - (monotonic() - since))

    def create(self) -> None:
        with translated_s3_errors(f"making the bucket {self.name}"):
            self.client.create_bucket(Bucket=self.name)

    def head(
        self, key: str, *, part: int | None = None, version: str | None = None
    ) -> StoredObject | None:
        """The object under the key, or None. With `part`, its size is that of the part alone.

        With `version`, that version; StorageRefused where the store keeps none.

        Raises StorageRefused, forbidden, for an absent object too if the bucket may not be listed.
        """
        only: dict[str, Any] = {} if part is None else {"PartNumber": part}
        if version is not None:
            only["VersionId"] = version
        with translated_s3_errors(f"looking at {self._shown}{key}"):
            try:
                fields = self.client.head_object(
                    Bucket=self.name, Key=key, ChecksumMode="ENABLED", **only
                )
            except ClientError as error:
                if is_not_found(error):
                    return None
                raise
        if version not in (None, fields.get("VersionId")):
            raise StorageRefused(f"{key}: the store keeps no versions, and {version} is asked for")
        return _stored(key, fields["ContentLength"], fields, fields, version)

    def require(self, key: str, *, version: str | None = None) -> StoredObject:
        """As `head`, but raises ArtifactNotFound instead of returning None."""
        found = self.head(key, version=version)
        if found is None:
            of = f"version {version} of " if version else ""
            raise ArtifactNotFound(f"there is no {of}{key} in {self.name}")
        return found

    def list(self, beneath: str) -> Iterator[StoredObject]:
        """Yield the objects whose keys begin with `beneath`, by key, a thousand per request."""
        pages = self.client.get_paginator("list_objects_v2")
        with translated_s3_errors(f"listing {self._shown}{beneath}"):
            for page in pages.paginate(Bucket=self.name, Prefix=beneath):
                for found in page.get("Contents", []):
                    yield _stored(found["Key"], found["Size"], found, {})

    def read(self, found: StoredObject, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes from `start` up to `end` of that very object.

        A connection that breaks is opened again where it broke. Raises ArtifactNotFound,
        ArtifactReplaced if another object stands there by now, ArtifactArchived.
        """
        return read_range(self.client, self.name, found, start, end)

    def open(self, found: StoredObject) -> RangeReader:
        """That very object as a seekable file, read by ranges."""
        return RangeReader(found.size, partial(self.read, found))

    def delete(self, found: StoredObject) -> None:
        """Delete that very object; no other that has taken its place.

        A store that refuses conditions deletes the object that stands there.
        """
        place: Any = {"Bucket": self.name, "Key": found.key}
        with translated_s3_errors(f"deleting {found.key}"):
            try:
                self.client.delete_object(**place, IfMatch=found.quoted_etag)
            except ClientError as error:
                if refuses_conditions(error):
                    self.client.delete_object(**place)
                elif not is_not_found(error):
                    raise

    def incomplete_uploads(self, beneath: str) -> Iterator[IncompleteUpload]:
        """Yield the multipart uploads of keys that begin with `beneath`."""
        pages = self.client.get_paginator("list_multipart_uploads")
        with translated_s3_errors(f"listing the multipart uploads under {beneath}"):
            try:
                for page in pages.paginate(Bucket=self.name, Prefix=beneath):
                    now = _clock(page)
                    for found in page.get("Uploads", []):
                        age = (now - found["Initiated"]).total_seconds()
                        yield IncompleteUpload(
                            found["Key"], found["UploadId"], age, found["Initiated"]
                        )
            except ClientError as error:
                if error.response["Error"]["Code"] not in _KNOWS_NO_UPLOADS:
                    raise

    def abort(self, key: str, upload_id: str) -> bool:
        """Abort the multipart upload; False, and a log line, if S3 can't be told so now."""
        try:
            self.require_aborted(key, upload_id)
        except OneprefixError as error:
            log.warning("multipart upload %s could not be aborted: %s", upload_id, error)
            return False
        return True

    def require_aborted(self, key: str, upload_id: str) -> None:
        """Abort the multipart upload, unless S3 has forgotten it already."""
        with translated_s3_errors(f"aborting a multipart upload of {key}"):
            try:
                self.client.abort_multipart_upload(Bucket=self.name, Key=key, UploadId=upload_id)
            except self.client.exceptions.NoSuchUpload:
                return


def _stored(
    key: str, size: int, told: Any, fields: Any, version: str | None = None
) -> StoredObject:
    """The object from what S3 has told of it, by boto3's names."""
    etag, storage_class = told["ETag"].strip('"'), told.get("StorageClass", "STANDARD")
    # an answer that leaves it out must not fail an upload that has arrived
    modified_at = told.get("LastModified") or _clock(told)
    return StoredObject(key, size, etag, storage_class, modified_at, fields, version)


def _clock(answer: Any) -> datetime:
    """S3's time of the answer, since this machine's clock may be wrong."""
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    return parsedate_to_datetime(date) if date else datetime.now(UTC)
