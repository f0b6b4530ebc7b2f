"""Presigned URLs of artifacts: to upload one under its job's prefix, to download one."""

from datetime import timedelta

from worker.models.artifact import ArtifactId
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.presigned_url import DownloadLocation, UploadLocation
from worker.models.stored_object import StoredObject
from worker.storage.presigner import Presigner

#: Headers in which arguments of `put_object` travel.
_HEADERS = {
    "ContentType": "Content-Type",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
}


class S3PresignedUrls:
    """`encryption`: server-side encryption of every upload, as boto3 names its arguments."""

    def __init__(self, presigner: Presigner, bucket: str, encryption: dict[str, str]) -> None:
        self._presigner = presigner
        self._bucket = bucket
        self._encryption = encryption

    def to_upload(
        self, prefix: JobS3Prefix, artifact: ArtifactId, expires_in: timedelta
    ) -> UploadLocation:
        """Where to PUT the artifact."""
        key = artifact.key(prefix)
        properties = {"ContentType": artifact.kind.content_type} | self._encryption
        parameters = {"Bucket": self._bucket, "Key": key, **properties}
        url, expires_at = self._presigner.presigned("put_object", parameters, expires_in)
        headers = {_HEADERS[name]: value for name, value in properties.items()}
        return UploadLocation(url, headers, key, expires_at)

    def to_download(
        self, stored: StoredObject, file_name: str, expires_in: timedelta
    ) -> DownloadLocation:
        """Where to GET the object; browsers save it under `file_name`."""
        parameters = {
            "Bucket": self._bucket,
            "Key": stored.key,
            "ResponseContentDisposition": f'attachment; filename="{file_name}"',
        }
        url, expires_at = self._presigner.presigned("get_object", parameters, expires_in)
        return DownloadLocation(
            url, stored.key, stored.size, stored.storage_class, file_name, expires_at
        )
