"""All that S3 keeps under a job's prefix, deleted for good."""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from worker.errors import OneprefixError
from worker.models.deletion import ObjectVersion
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.stored_object import IncompleteUpload
from worker.redaction import redacted
from worker.storage.errors import translated_s3_errors
from worker.storage.objects.url import is_at

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

#: What XML 1.0 has no way to write; S3 may fail on such a key, or silently leave the object.
_NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class S3ObjectVersions:
    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    @property
    def bucket(self) -> str:
        return self._bucket

    def is_here(self, url: str, key: str) -> bool:
        return is_at(url, self._bucket, key, endpoint=self._client.meta.endpoint_url)

    def list(self, prefix: JobS3Prefix) -> Iterator[ObjectVersion]:
        """Versions and delete markers; the objects alone where the store knows no versions."""
        beneath = prefix.base_prefix + "/"
        with translated_s3_errors(f"listing the versions under {beneath}"):
            try:
                yield from self._versions(beneath)
            except ClientError as error:
                if error.response["Error"]["Code"] != "NotImplemented":
                    raise
                yield from self._objects(beneath)

    def delete(self, doomed: Sequence[ObjectVersion]) -> dict[ObjectVersion, str]:
        refused: dict[ObjectVersion, str] = {}
        for each in doomed:
            if _NO_XML.search(each.key):
                refused |= self._delete_one(each)
        if together := [each for each in doomed if not _NO_XML.search(each.key)]:
            refused |= self._delete_together(together)
        return refused

    def incomplete_uploads(self, prefix: JobS3Prefix) -> Iterator[IncompleteUpload]:
        beneath = prefix.base_prefix + "/"
        pages = self._client.get_paginator("list_multipart_uploads")
        with translated_s3_errors(f"listing the multipart uploads under {beneath}"):
            try:
                for page in pages.paginate(Bucket=self._bucket, Prefix=beneath):
                    for found in page.get("Uploads", []):
                        yield IncompleteUpload(found["Key"], found["UploadId"], age=0)
            except ClientError as error:
                if error.response["Error"]["Code"] not in _HAS_NONE:
                    raise

    def abort(self, found: IncompleteUpload) -> None:
        with translated_s3_errors(f"aborting a multipart upload of {found.key}"):
            try:
                self._client.abort_multipart_upload(
                    Bucket=self._bucket, Key=found.key, UploadId=found.id
                )
            except self._client.exceptions.NoSuchUpload:
                return

    def _versions(self, beneath: str) -> Iterator[ObjectVersion]:
        pages = self._client.get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=self._bucket, Prefix=beneath):
            for found in page.get("Versions", []):
                yield ObjectVersion(found["Key"], found["VersionId"], found["Size"])
            for marker in page.get("DeleteMarkers", []):
                yield ObjectVersion(marker["Key"], marker["VersionId"], 0)

    def _objects(self, beneath: str) -> Iterator[ObjectVersion]:
        pages = self._client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self._bucket, Prefix=beneath):
            for found in page.get("Contents", []):
                yield ObjectVersion(found["Key"], None, found["Size"])

    def _delete_one(self, doomed: ObjectVersion) -> dict[ObjectVersion, str]:
        try:
            with translated_s3_errors(f"deleting {doomed.key}"):
                self._client.delete_object(Bucket=self._bucket, **_place(doomed))
        except OneprefixError as error:
            return {doomed: str(error)}
        return {}

    def _delete_together(self, doomed: Sequence[ObjectVersion]) -> dict[ObjectVersion, str]:
        with translated_s3_errors(f"deleting {len(doomed):,} objects at once"):
            answer = self._client.delete_objects(
                Bucket=self._bucket,
                Delete={"Quiet": True, "Objects": [_place(each) for each in doomed]},
            )
        errors = {
            (error["Key"], error.get("VersionId")): error for error in answer.get("Errors", [])
        }
        return {
            each: f"deleting {each.key}: S3 answered {error['Code']}: "
            + redacted(error.get("Message", ""))
            for each in doomed
            if (error := errors.get((each.key, each.version_id)) or errors.get((each.key, None)))
        }


#: rclone says the first while there was no multipart upload yet.
_HAS_NONE = ("NoSuchUpload", "NotImplemented", "MethodNotAllowed")


def _place(doomed: ObjectVersion) -> Any:
    version = {"VersionId": doomed.version_id} if doomed.version_id else {}
    return {"Key": doomed.key, **version}
