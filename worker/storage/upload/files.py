"""Uploads files of this machine as artifacts."""

import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worker.errors import FileUnusable, StorageUnavailable
from worker.file_errors import translated_file_errors
from worker.models.artifact import Artifact, ArtifactId
from worker.models.job_s3_prefix import JobS3Prefix
from worker.storage.errors import translated_s3_errors
from worker.storage.objects.checksums import CRC32, checksum_of

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


class S3ArtifactUploads:
    """`encryption`: arguments of server-side encryption for every object, as boto3 names them."""

    def __init__(self, client: "S3Client", bucket: str, encryption: dict[str, Any]) -> None:
        self._client = client
        self._bucket = bucket
        self._encryption = encryption

    def put(self, prefix: JobS3Prefix, artifact: ArtifactId, file: Path) -> Artifact:
        key = artifact.key(prefix)
        with translated_file_errors(f"reading {file}"):
            if not stat.S_ISREG(file.stat().st_mode):
                raise FileUnusable(f"{file} is not a file")
            sent = Artifact(key, file.stat().st_size, checksum_of(file), sha256=None)
            self._send(sent, file, artifact.kind.content_type)
        self._require_stored(sent)
        return sent

    def _send(self, sent: Artifact, file: Path, content_type: str) -> None:
        """S3 refuses what does not have the checksum, also of a file that changes meanwhile."""
        from s3transfer.manager import TransferManager  # noqa: PLC0415  see `make_client`

        properties = {
            "ContentType": content_type,
            "ChecksumAlgorithm": CRC32,
            "ChecksumCRC32": sent.checksum.removeprefix(f"{CRC32}:"),
            **self._encryption,
        }
        with (
            translated_s3_errors(f"storing {sent.key}"),
            TransferManager(self._client) as transfers,
        ):
            transfers.upload(str(file), self._bucket, sent.key, properties).result()

    def _require_stored(self, sent: Artifact) -> None:
        with translated_s3_errors(f"looking at {sent.key}"):
            head = self._client.head_object(
                Bucket=self._bucket, Key=sent.key, ChecksumMode="ENABLED"
            )
        told = head.get("ChecksumCRC32")
        if head["ContentLength"] != sent.size or (told and f"{CRC32}:{told}" != sent.checksum):
            raise StorageUnavailable(f"{sent.key} did not arrive as it was sent; send it again")
