"""Deletes for good everything that S3 keeps under a prefix: objects, versions, delete markers."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from botocore.exceptions import ClientError

from worker.errors import OneprefixError
from worker.models.stored_object import ObjectVersion
from worker.redaction import redacted
from worker.storage.errors import refuses_conditions, translated_s3_errors
from worker.storage.objects.bucket import Bucket

#: Characters that XML 1.0 has no way to write; S3 may fail on such a key, or leave its object.
_NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


#: The version of every object in a bucket that keeps no versions.
_UNVERSIONED = "null"


class S3ObjectVersions:
    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def list(self, beneath: str) -> Iterator[ObjectVersion]:
        """Yield versions and delete markers whose keys begin with `beneath`.

        Objects alone, without versions, where the store keeps none.
        """
        with translated_s3_errors(f"listing the versions under {beneath}"):
            try:
                yield from self._versions(beneath)
            except ClientError as error:
                if error.response["Error"]["Code"] != "NotImplemented":
                    raise
                for found in self._bucket.list(beneath):
                    yield ObjectVersion(
                        found.key, None, found.size, found.modified_at, found.quoted_etag
                    )

    def delete(self, versions: Sequence[ObjectVersion]) -> dict[ObjectVersion, str]:
        """Delete at most MAX_BATCH; returns those that could not be deleted, with the reasons."""
        refused: dict[ObjectVersion, str] = {}
        for each in versions:
            if _NO_XML.search(each.key):
                refused |= self._delete_one(each)
        if together := [each for each in versions if not _NO_XML.search(each.key)]:
            refused |= self._delete_together(together)
        return refused

    def _versions(self, beneath: str) -> Iterator[ObjectVersion]:
        pages = self._bucket.client.get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=self._bucket.name, Prefix=beneath):
            for found in page.get("Versions", []):
                key, version, size = found["Key"], found["VersionId"], found["Size"]
                etag = found["ETag"] if version == _UNVERSIONED else None
                yield ObjectVersion(key, version, size, found["LastModified"], etag)
            for marker in page.get("DeleteMarkers", []):
                yield ObjectVersion(marker["Key"], marker["VersionId"], 0, marker["LastModified"])

    def _delete_one(self, version: ObjectVersion) -> dict[ObjectVersion, str]:
        try:
            with translated_s3_errors(f"deleting {version.key}"):
                self._bucket.client.delete_object(Bucket=self._bucket.name, **_place(version))
        except OneprefixError as error:
            return {version: str(error)}
        return {}

    def _delete_together(self, versions: Sequence[ObjectVersion]) -> dict[ObjectVersion, str]:
        with translated_s3_errors(f"deleting {len(versions):,} objects at once"):
            try:
                answer = self._request([_place(each) | _condition(each) for each in versions])
            except ClientError as refusal:
                if not refuses_conditions(refusal):
                    raise
                answer = self._request([_place(each) for each in versions])
        errors = {
            (error["Key"], error.get("VersionId")): error for error in answer.get("Errors", [])
        }
        return {
            each: f"deleting {each.key}: S3 answered {error['Code']}: "
            + redacted(error.get("Message", ""))
            for each in versions
            if (error := errors.get((each.key, each.version_id)) or errors.get((each.key, None)))
        }

    def _request(self, objects: Sequence[Any]) -> Any:
        return self._bucket.client.delete_objects(
            Bucket=self._bucket.name, Delete={"Quiet": True, "Objects": objects}
        )


def _condition(version: ObjectVersion) -> Any:
    """That the object is still the one that was listed."""
    return {"ETag": version.etag} if version.etag else {}


def _place(version: ObjectVersion) -> Any:
    of = {"VersionId": version.version_id} if version.version_id else {}
    return {"Key": version.key, **of}
