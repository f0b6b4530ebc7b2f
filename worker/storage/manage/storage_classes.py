"""Moves a bucket's objects between storage classes and to other buckets, and restores them."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from worker.errors import PlaceTaken, StorageRefused
from worker.models.storage_class import NEEDS_RESTORE, RestoreTier, StorageClass
from worker.models.stored_object import StoredObject
from worker.storage.errors import translated_s3_errors
from worker.storage.manage.copy import MAX_COPY, copy_object
from worker.storage.objects.bucket import Bucket


class S3StorageClasses:
    """`copy_threshold`: bytes above which an object is copied in parts."""

    def __init__(self, bucket: Bucket, copy_threshold: int = MAX_COPY) -> None:
        self._bucket = bucket
        self._copy_threshold = copy_threshold

    def require_bucket(self, name: str) -> None:
        """Raise StorageRefused unless that bucket exists and these credentials may use it."""
        with translated_s3_errors(f"looking at the bucket {name}"):
            self._bucket.client.head_bucket(Bucket=name)

    def change(self, stored: StoredObject, to: StorageClass, opened: Callable[[str], None]) -> None:
        """Change that very object's class, by a copy onto itself.

        `opened` is called with the id of a multipart upload, if the copy takes one. Raises
        ArtifactNotFound, ArtifactReplaced, ArtifactArchived.
        """
        copy_object(
            self._bucket,
            self._bucket.require(stored.key),
            self._bucket,
            stored.key,
            changes={"StorageClass": to},
            condition={"IfMatch": stored.quoted_etag},
            threshold=self._copy_threshold,
            opened=opened,
        )

    def copy_to(self, bucket: str, stored: StoredObject, storage_class: StorageClass) -> str:
        """Copy to the same key of another bucket, verified; returns the copy's permanent URL.

        Raises PlaceTaken if another object stands there, StorageRefused if the store can't tell
        whether the copy is the same.
        """
        key, target = stored.key, Bucket(self._bucket.client, bucket)
        source = self._bucket.require(key)
        copy = target.head(key)
        if copy is None:
            with suppress(PlaceTaken):  # by ourselves, if only an answer was lost
                copy_object(
                    self._bucket,
                    source,
                    target,
                    key,
                    changes={"StorageClass": storage_class},
                    condition={"IfNoneMatch": "*"},
                    threshold=self._copy_threshold,
                )
            copy = target.require(key)
        match source.is_same(copy):
            case False:
                raise PlaceTaken(f"s3://{bucket}/{key} is another object; nothing was moved")
            case None:
                raise StorageRefused(
                    f"{key} was copied to {bucket}, and stays here as well: neither its"
                    " checksum nor its ETag can tell whether the copy is the same"
                )
        return target.url(key)

    def restore(self, bucket: Bucket, stored: StoredObject, days: int, tier: RestoreTier) -> None:
        """Ask S3 for a readable copy of the bucket's object for so many days from now on."""
        request = {"GlacierJobParameters": {"Tier": tier.value}}
        # from the archive tiers of Intelligent-Tiering objects come back for good
        period = {"Days": days} if stored.storage_class in NEEDS_RESTORE else {}
        version: Any = {"VersionId": stored.version_id} if stored.version_id else {}
        with translated_s3_errors(f"restoring {stored.key}"):
            try:
                bucket.client.restore_object(
                    Bucket=bucket.name,
                    Key=stored.key,
                    **version,
                    RestoreRequest={**request, **period},  # type: ignore[typeddict-item]
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "RestoreAlreadyInProgress":
                    raise
