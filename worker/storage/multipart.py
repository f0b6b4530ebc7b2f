"""One multipart upload: completed with a checksum that S3 verifies, or aborted."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypedDict

from botocore.exceptions import BotoCoreError, ClientError

from worker.storage.checksums import ALGORITHM, Checksums
from worker.storage.error_translation import without_secrets

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import CompletedPartTypeDef


class _Target(TypedDict):
    Bucket: str
    Key: str
    UploadId: str


log = logging.getLogger(__name__)


class MultipartUpload:
    def __init__(self, client: "S3Client", bucket: str, key: str, upload_id: str) -> None:
        self._client = client
        self._target: _Target = {"Bucket": bucket, "Key": key, "UploadId": upload_id}
        self._parts: list[CompletedPartTypeDef] = []
        self.id = upload_id

    def send(self, part: bytes, crc32: str) -> None:
        """The next part; S3 refuses it if the bytes that arrive have another CRC-32."""
        number = len(self._parts) + 1
        sent = self._client.upload_part(
            **self._target,
            PartNumber=number,
            Body=part,
            ChecksumAlgorithm=ALGORITHM,
            ChecksumCRC32=crc32,
        )
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"], "ChecksumCRC32": crc32})

    def complete(self, checksums: Checksums) -> None:
        """The parts become the object; S3 refuses if it has another CRC-32 or size."""
        self._client.complete_multipart_upload(
            **self._target,
            MultipartUpload={"Parts": self._parts},
            ChecksumCRC32=checksums.crc32,
            ChecksumType="FULL_OBJECT",
            MpuObjectSize=checksums.size,
        )

    def abort(self) -> None:
        """S3 forgets the parts. What it can't say now is left to the bucket's abort rule."""
        try:
            self._client.abort_multipart_upload(**self._target)
        except (ClientError, BotoCoreError) as error:
            log.warning(
                "multipart upload %s of %s could not be aborted: %s",
                self.id,
                self._target["Key"],
                without_secrets(error),
            )


@contextmanager
def multipart_upload(
    client: "S3Client", bucket: str, key: str, **properties: Any
) -> Iterator[MultipartUpload]:
    """A new multipart upload of an object with these properties, aborted if the block raises."""
    created = client.create_multipart_upload(
        Bucket=bucket,
        Key=key,
        ChecksumAlgorithm=ALGORITHM,
        ChecksumType="FULL_OBJECT",
        **properties,
    )
    upload = MultipartUpload(client, bucket, key, created["UploadId"])
    try:
        yield upload
    except BaseException:
        upload.abort()
        raise
