"""Presigned PUTs of artifacts, each under its job's prefix."""

from datetime import timedelta
from typing import Any

from worker.models.artifact import ArtifactId
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.presigned_url import UploadLocation
from worker.storage.presigner import Presigner

#: How arguments of `put_object` travel.
_HEADERS = {
    "ContentType": "Content-Type",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
}


class S3UploadLocationRepository:
    """`encryption`: arguments of server-side encryption for every object, as boto3 names them."""

    def __init__(self, presigner: Presigner, bucket: str, encryption: dict[str, str]) -> None:
        self._presigner = presigner
        self._bucket = bucket
        self._encryption = encryption

    def locate(
        self, prefix: JobS3Prefix, artifact: ArtifactId, expires_in: timedelta
    ) -> UploadLocation:
        """Where to PUT the artifact; raises ExpiryRefused."""
        key = artifact.key(prefix)
        sent = {"ContentType": artifact.kind.content_type} | self._encryption
        parameters: dict[str, Any] = {"Bucket": self._bucket, "Key": key, **sent}
        url, expires_at = self._presigner.presigned("put_object", parameters, expires_in)
        headers = {_HEADERS[name]: value for name, value in sent.items()}
        return UploadLocation(url, headers, key, expires_at)
