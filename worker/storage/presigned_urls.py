"""Presigned URLs of artifacts, to upload and to download them, by signature version 4."""

from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qs, urlsplit

from botocore.credentials import Credentials, RefreshableCredentials

from worker.errors import ExpiryRefused
from worker.models.artifact import ArtifactId
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.presigned_url import DownloadLocation, UploadLocation
from worker.models.stored_object import StoredObject
from worker.storage.errors import translated_s3_errors

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

#: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
MAX_EXPIRY = timedelta(days=7)
#: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
MAX_SESSION = timedelta(hours=36)


#: Headers in which arguments of `put_object` travel.
_HEADERS = {
    "ContentType": "Content-Type",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
}


@dataclass(frozen=True, slots=True)
class S3PresignedUrls:
    """Signs with these credentials, which are the client's. Raises ExpiryRefused."""

    client: "S3Client"
    credentials: Credentials | None
    bucket: str
    encryption: dict[str, str]
    """Server-side encryption of every upload, as boto3 names its arguments."""

    def to_upload(
        self, prefix: JobS3Prefix, artifact: ArtifactId, expires_in: timedelta
    ) -> UploadLocation:
        """Where to PUT the artifact."""
        key = artifact.key(prefix)
        properties = {"ContentType": artifact.kind.content_type} | self.encryption
        url, expires_at = self._signed("put_object", key, properties, expires_in)
        headers = {_HEADERS[name]: value for name, value in properties.items()}
        return UploadLocation(url, headers, key, expires_at)

    def to_download(
        self, bucket: str, stored: StoredObject, file_name: str, expires_in: timedelta
    ) -> DownloadLocation:
        """Where to GET the object of that bucket; browsers save it under `file_name`."""
        key, saved = stored.key, f'attachment; filename="{file_name}"'
        properties = {"Bucket": bucket, "ResponseContentDisposition": saved}
        if stored.version_id:
            properties["VersionId"] = stored.version_id
        url, expires_at = self._signed("get_object", key, properties, expires_in)
        return DownloadLocation(
            url, key, stored.size, stored.storage_class, file_name, expires_at, bucket=bucket
        )

    def _signed(
        self,
        operation: Literal["get_object", "put_object"],
        key: str,
        properties: dict[str, str],
        expires_in: timedelta,
    ) -> tuple[str, datetime]:
        parameters = {"Bucket": self.bucket, "Key": key, **properties}
        with translated_s3_errors(f"signing a URL of {key}"):
            self._require_allowed(key, expires_in)
            url = self.client.generate_presigned_url(
                operation, Params=parameters, ExpiresIn=int(expires_in.total_seconds())
            )
        return url, _signed_at(url) + expires_in

    def _require_allowed(self, key: str, expires_in: timedelta) -> None:
        refused = f"a URL of {key} can't live {expires_in}"
        if not timedelta(seconds=1) <= expires_in <= MAX_EXPIRY:
            raise ExpiryRefused(f"{refused}: S3 allows a second to {MAX_EXPIRY.days} days")
        lifetime = self._lifetime()
        if lifetime is not None and expires_in > lifetime:
            raise ExpiryRefused(
                f"{refused}: the credentials that sign it live {lifetime} at most;"
                " ask for less, or sign with others"
            )

    def _lifetime(self) -> timedelta | None:
        """How much longer the credentials live, MAX_EXPIRY at most; None if they do not expire."""
        credentials = self.credentials
        if isinstance(credentials, RefreshableCredentials):
            credentials.get_frozen_credentials()  # renews them if that is due
            seconds = range(int(MAX_EXPIRY.total_seconds()) + 1)
            ends = bisect_left(seconds, True, key=credentials.refresh_needed)
            return timedelta(seconds=max(0, ends - 1))
        # credentials with a token expire, at a time that is not known
        return MAX_SESSION if credentials and credentials.token else None


def _signed_at(url: str) -> datetime:
    [written] = parse_qs(urlsplit(url).query)["X-Amz-Date"]
    return datetime.strptime(written, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
