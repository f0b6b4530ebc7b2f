"""A bucket's objects moved between storage classes and to other buckets, and restored."""

import re
from collections.abc import Callable
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from worker.errors import ArtifactNotFound, PlaceTaken, StorageRefused
from worker.models.storage_class import NEEDS_RESTORE, RestoreState, RestoreTier, StorageClass
from worker.models.stored_object import StoredObject
from worker.storage.errors import refuses_conditions, translated_s3_errors
from worker.storage.manage.copy import MAX_COPY, copy_object
from worker.storage.objects.head import Head, head_object
from worker.storage.objects.url import ObjectUrl, is_at

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

#: x-amz-restore: ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT"
_ONGOING = 'ongoing-request="true"'
_EXPIRY = re.compile(r'expiry-date="([^"]+)"')


class S3StorageClasses:
    """`copy_threshold`: bytes above which an object is copied in parts."""

    def __init__(self, client: "S3Client", bucket: str, copy_threshold: int = MAX_COPY) -> None:
        self._client = client
        self._bucket = bucket
        self._copy_threshold = copy_threshold

    @property
    def bucket(self) -> str:
        return self._bucket

    def require_bucket(self, bucket: str) -> None:
        with translated_s3_errors(f"looking at the bucket {bucket}"):
            self._client.head_bucket(Bucket=bucket)

    def url(self, bucket: str, key: str) -> str:
        return ObjectUrl(bucket, key).permanent(self._client.meta.endpoint_url)

    def is_here(self, url: str, key: str) -> bool:
        return is_at(url, self._bucket, key, endpoint=self._client.meta.endpoint_url)

    def change_class(
        self, stored: StoredObject, to: StorageClass, opened: Callable[[str], None]
    ) -> None:
        copy_object(
            self._client,
            self._bucket,
            stored.key,
            self._bucket,
            stored.key,
            changes={"StorageClass": to},
            condition={"IfMatch": f'"{stored.etag}"'},
            threshold=self._copy_threshold,
            opened=opened,
        )

    def copy_to(self, bucket: str, stored: StoredObject, storage_class: StorageClass) -> None:
        source = self._head(self._bucket, stored.key)
        target = head_object(self._client, bucket, stored.key)
        if target is None:
            with suppress(PlaceTaken):  # by ourselves, if only an answer was lost
                copy_object(
                    self._client,
                    self._bucket,
                    stored.key,
                    bucket,
                    stored.key,
                    changes={"StorageClass": storage_class},
                    condition={"IfNoneMatch": "*"},
                    threshold=self._copy_threshold,
                )
            target = self._head(bucket, stored.key)
        match source.is_same(target):
            case False:
                raise PlaceTaken(f"s3://{bucket}/{stored.key} is another object; nothing was moved")
            case None:
                raise StorageRefused(
                    f"{stored.key} was copied to {bucket}, and stays here as well: neither its"
                    " checksum nor its ETag can tell whether the copy is the same"
                )

    def remove(self, stored: StoredObject) -> None:
        """Delete that very object; no other that has taken its place."""
        place: Any = {"Bucket": self._bucket, "Key": stored.key}
        with translated_s3_errors(f"deleting {stored.key}"):
            try:
                self._client.delete_object(**place, IfMatch=f'"{stored.etag}"')
            except ClientError as error:
                if not refuses_conditions(error):
                    raise
                self._client.delete_object(**place)

    def restore_state(self, stored: StoredObject) -> RestoreState:
        fields = self._head(self._bucket, stored.key).fields
        restore = fields.get("Restore", "")
        expiry = _EXPIRY.search(restore)
        return RestoreState(
            is_archived=stored.storage_class in NEEDS_RESTORE or "ArchiveStatus" in fields,
            is_under_way=_ONGOING in restore,
            readable_until=parsedate_to_datetime(expiry[1]) if expiry else None,
        )

    def restore(self, stored: StoredObject, days: int, tier: RestoreTier) -> None:
        request: Any = {"GlacierJobParameters": {"Tier": tier.value}}
        if stored.storage_class in NEEDS_RESTORE:  # from other archive tiers it comes back for good
            request["Days"] = days
        with translated_s3_errors(f"restoring {stored.key}"):
            try:
                self._client.restore_object(
                    Bucket=self._bucket, Key=stored.key, RestoreRequest=request
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "RestoreAlreadyInProgress":
                    raise

    def _head(self, bucket: str, key: str) -> Head:
        head = head_object(self._client, bucket, key)
        if head is None:
            raise ArtifactNotFound(f"there is no {key} in {bucket}")
        return head
