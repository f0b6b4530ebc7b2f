"""Uploads local files as artifacts."""

import stat
from pathlib import Path
from typing import Any

from worker.errors import FileUnusable, StorageUnavailable
from worker.file_errors import translated_file_errors
from worker.models.artifact import Artifact, ArtifactId
from worker.models.job_s3_prefix import JobS3Prefix
from worker.storage.errors import translated_s3_errors
from worker.storage.objects.bucket import Bucket
from worker.storage.objects.checksums import CRC32, checksum_of


class S3ArtifactUploads:
    def __init__(self, bucket: Bucket, encryption: dict[str, Any]) -> None:
        """`encryption`: arguments of server-side encryption, as boto3 names them."""
        self._bucket = bucket
        self._encryption = encryption

    def measure(self, prefix: JobS3Prefix, artifact: ArtifactId, file: Path) -> Artifact:
        """The artifact that the file would become; raises FileUnusable if it can't be read."""
        with translated_file_errors(f"reading {file}"):
            if not stat.S_ISREG(file.stat().st_mode):
                raise FileUnusable(f"{file} is not a file")
            size, checksum = file.stat().st_size, checksum_of(file)
        return Artifact(artifact.key(prefix), size, checksum, sha256=None)

    def put(self, prefix: JobS3Prefix, artifact: ArtifactId, file: Path) -> Artifact:
        """Store the file under the artifact's key, verified; FileUnusable if it can't be read."""
        sent = self.measure(prefix, artifact, file)
        with translated_file_errors(f"reading {file}"):
            self._send(sent, file, artifact.kind.content_type)
        self._require_stored(sent)
        return sent

    def _send(self, sent: Artifact, file: Path, content_type: str) -> None:
        """Send the file with its checksum, so that S3 refuses it if it has changed meanwhile."""
        from s3transfer.manager import TransferManager  # noqa: PLC0415  see `make_client`

        properties = {
            "ContentType": content_type,
            "ChecksumAlgorithm": CRC32,
            "ChecksumCRC32": sent.checksum.removeprefix(f"{CRC32}:"),
            **self._encryption,
        }
        with (
            translated_s3_errors(f"storing {sent.key}"),
            TransferManager(self._bucket.client) as transfers,
        ):
            transfers.upload(str(file), self._bucket.name, sent.key, properties).result()

    def _require_stored(self, sent: Artifact) -> None:
        """Ask S3 for what it has stored: a store may know no checksums."""
        found = self._bucket.head(sent.key)
        if found is None or found.size != sent.size or found.checksum not in (None, sent.checksum):
            raise StorageUnavailable(f"{sent.key} did not arrive as it was sent; send it again")
