"""The archives of runs' results, each under its job's one prefix."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from botocore.exceptions import ClientError

from worker.errors import PrefixMismatch, StorageRefused, StorageUnavailable
from worker.interfaces import Attempt, Package
from worker.models.artifact import Artifact
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.run import Run
from worker.storage.checksums import ALGORITHM, Checksums
from worker.storage.client import is_amazon
from worker.storage.error_translation import translated
from worker.storage.multipart import multipart_upload
from worker.storage.parts import Parts, part_size

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

CONTENT_TYPE = "application/zip"


class S3ResultsRepository:
    """`encryption`: arguments of server-side encryption for every object, as boto3 names them."""

    def __init__(self, client: "S3Client", bucket: str, encryption: dict[str, Any]) -> None:
        self._client = client
        self._bucket = bucket
        self._encryption = encryption

    def upload(self, prefix: JobS3Prefix, run: Run, package: Package, attempt: Attempt) -> Artifact:
        if prefix.job_id != run.job_id:
            raise PrefixMismatch(
                f"the prefix belongs to job {prefix.job_id}, the run to job {run.job_id}",
                job_id=prefix.job_id,
                run_id=run.id,
            )
        key = prefix.run_results_key(run.id)
        metadata = {
            "job-id": str(run.job_id),
            "run-id": str(run.id),
            "file-count": str(package.file_count),
        }
        parts = Parts(_checked(package, attempt), _part_size(package))
        with translated(f"storing {key}"):
            if parts.is_one:
                return self._put(key, next(parts), metadata, attempt)
            return self._send(key, parts, metadata, attempt)

    def holds(self, key: str, *, size: int, checksum: str, sha256: str) -> bool:
        with translated(f"looking for {key}"):
            return self._verdict(Artifact(key, size, checksum, sha256)) is True

    def url(self, key: str) -> str:
        endpoint = self._client.meta.endpoint_url.rstrip("/")
        if is_amazon(endpoint):
            return f"https://{self._bucket}.s3.amazonaws.com/{quote(key)}"
        return f"{endpoint}/{self._bucket}/{quote(key)}"

    def _put(self, key: str, body: bytes, metadata: dict[str, str], attempt: Attempt) -> Artifact:
        checksums = Checksums()
        checksums.add(body)
        artifact = _artifact(key, checksums)
        attempt.sealed(artifact)
        self._client.put_object(
            Bucket=self._bucket,
            Key=key,
            Body=body,
            ContentType=CONTENT_TYPE,
            # only here: a multipart upload takes its metadata before its bytes are known
            Metadata=metadata | {"sha256": checksums.sha256},
            ChecksumAlgorithm=ALGORITHM,
            ChecksumCRC32=checksums.crc32,
            **self._encryption,
        )
        self._require_verified(artifact)
        return artifact

    def _send(
        self, key: str, parts: Iterable[bytes], metadata: dict[str, str], attempt: Attempt
    ) -> Artifact:
        checksums = Checksums()
        with multipart_upload(
            self._client,
            self._bucket,
            key,
            ContentType=CONTENT_TYPE,
            Metadata=metadata,
            **self._encryption,
        ) as upload:
            attempt.opened(upload.id)
            for part in parts:
                upload.send(part, checksums.add(part))
            artifact = _artifact(key, checksums)
            attempt.sealed(artifact)
            upload.complete(checksums)
            self._require_verified(artifact)
        return artifact

    def _require_verified(self, artifact: Artifact) -> None:
        """S3 has refused wrong bytes already; a store that believes anything has not."""
        if self._verdict(artifact) is False:
            raise StorageUnavailable(f"{artifact.key} did not arrive as it was sent")

    def _verdict(self, artifact: Artifact) -> bool | None:
        """Whether the object under its key is this one; None if its store can't or won't tell."""
        try:
            head = self._client.head_object(
                Bucket=self._bucket, Key=artifact.key, ChecksumMode="ENABLED"
            )
        except ClientError as error:
            match error.response["Error"]["Code"]:
                case "404" | "NoSuchKey":
                    return False
                case "403":  # also for what is not there, to those who may not list the bucket
                    return None
            raise
        if head["ContentLength"] != artifact.size:
            return False
        if "ChecksumCRC32" in head:
            return f"{ALGORITHM}:{head['ChecksumCRC32']}" == artifact.checksum
        # some stores give the names of metadata back in capitals
        metadata = {name.lower(): value for name, value in head["Metadata"].items()}
        return metadata["sha256"] == artifact.sha256 if "sha256" in metadata else None


def _checked(package: Package, attempt: Attempt) -> Iterator[bytes]:
    for chunk in package.chunks():
        attempt.check()
        yield chunk


def _part_size(package: Package) -> int:
    try:
        return part_size(package.size_bound)
    except ValueError as error:
        raise StorageRefused(str(error)) from error


def _artifact(key: str, checksums: Checksums) -> Artifact:
    return Artifact(
        key=key,
        size=checksums.size,
        checksum=f"{ALGORITHM}:{checksums.crc32}",
        sha256=checksums.sha256,
    )
