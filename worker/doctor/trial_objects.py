"""The objects that the doctor tries a bucket with, and their removal."""

from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from worker.models.job_s3_prefix import ALL_JOBS
from worker.redaction import redacted

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

#: Under the prefix of all jobs, which may be all that a worker is granted; no job has that id.
PREFIX = f"{ALL_JOBS}oneprefix-doctor/"


class TrialObjects:
    """Hands out keys under PREFIX, where no artifact lies, and removes what was stored there."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        self.left: dict[str, str] = {}
        """By key: why something may be left under it."""

    @contextmanager
    def key(self) -> Iterator[str]:
        """A new key, under which nothing stays when the block ends, however it ends."""
        key = f"{PREFIX}{token_hex(8)}"
        try:
            yield key
        finally:
            self._remove(key)

    def retry_removal(self) -> None:
        """Remove what could not be removed before."""
        for key in list(self.left):
            self._remove(key)

    @contextmanager
    def noting_failure(self, key: str) -> Iterator[None]:
        """Note why an object or upload under the key could not be removed, and go on."""
        try:
            yield
        except (ClientError, BotoCoreError) as error:
            self.left[key] = redacted(error)

    def _remove(self, key: str) -> None:
        self.left.pop(key, None)
        with self.noting_failure(key):
            deleted = self._client.delete_object(Bucket=self._bucket, Key=key)
            if "VersionId" in deleted:
                self._delete_versions(key)
        with self.noting_failure(key):
            self._abort_uploads(key)

    def _delete_versions(self, key: str) -> None:
        found = self._client.list_object_versions(Bucket=self._bucket, Prefix=key)
        for each in (*found.get("Versions", ()), *found.get("DeleteMarkers", ())):
            self._client.delete_object(
                Bucket=self._bucket, Key=each["Key"], VersionId=each["VersionId"]
            )

    def _abort_uploads(self, key: str) -> None:
        """Abort the key's multipart uploads, also one whose creation was never answered."""
        try:
            found = self._client.list_multipart_uploads(Bucket=self._bucket, Prefix=key)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("AccessDenied", "NoSuchUpload"):
                raise
            return  # rclone answers NoSuchUpload where there never was one
        for each in found.get("Uploads", ()):
            self._client.abort_multipart_upload(
                Bucket=self._bucket, Key=each["Key"], UploadId=each["UploadId"]
            )
