"""What lies under a job's prefix: listed and downloaded."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from worker.models.artifact import Artifact
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.stored_object import StoredObject
from worker.storage.errors import translated_s3_errors
from worker.storage.objects.checksums import CRC32
from worker.storage.objects.url import ObjectUrl

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


class S3ArtifactStore:
    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def make_bucket(self) -> None:
        with translated_s3_errors(f"making the bucket {self._bucket}"):
            self._client.create_bucket(Bucket=self._bucket)

    def list(self, prefix: JobS3Prefix) -> Iterator[StoredObject]:
        # without the slash, job 1 would list job 10's too
        return listed(self._client, self._bucket, prefix.base_prefix + "/")

    def elsewhere(self, url: str, key: str) -> str | None:
        """As in `ArtifactStore`."""
        found = ObjectUrl.parse(url, endpoint=self._client.meta.endpoint_url)
        is_here = found == ObjectUrl(self._bucket, key)
        return None if is_here else f"s3://{found.bucket}/{found.key}"

    def download(self, key: str, to: Path) -> None:
        from boto3.s3.transfer import S3Transfer  # noqa: PLC0415  see `make_client`

        with translated_s3_errors(f"downloading {key}"):
            S3Transfer(self._client).download_file(self._bucket, key, str(to))

    def head(self, key: str) -> Artifact:
        """What S3 itself has recorded of the object."""
        with translated_s3_errors(f"looking at {key}"):
            head = self._client.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
        return Artifact(
            key=key,
            size=head["ContentLength"],
            checksum=f"{CRC32}:{head.get('ChecksumCRC32', '?')}",
            sha256=head["Metadata"].get("sha256"),
        )


def listed(client: "S3Client", bucket: str, beneath: str) -> Iterator[StoredObject]:
    """The objects whose keys begin so, by key, a thousand for each request."""
    pages = client.get_paginator("list_objects_v2")
    with translated_s3_errors(f"listing {beneath}"):
        for page in pages.paginate(Bucket=bucket, Prefix=beneath):
            for found in page.get("Contents", []):
                yield StoredObject(
                    key=found["Key"],
                    size=found["Size"],
                    etag=found["ETag"].strip('"'),
                    storage_class=found.get("StorageClass", "STANDARD"),
                    modified_at=found["LastModified"],
                )
