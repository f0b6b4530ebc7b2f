"""The archives of runs' results, each under its job's one prefix."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from worker.errors import PrefixMismatch, StorageRefused, StorageUnavailable
from worker.models.artifact import Artifact
from worker.models.job import Run
from worker.models.job_s3_prefix import JobS3Prefix
from worker.storage.errors import refuses_checksums, refuses_conditions, translated_s3_errors
from worker.storage.objects.checksums import CRC32
from worker.storage.objects.multipart import abort
from worker.storage.objects.url import ObjectUrl
from worker.storage.upload.checksums import Checks, Crc32Checks, Md5Checks, OtherChecks, Whole
from worker.storage.upload.multipart import multipart_upload
from worker.storage.upload.part_body import PartBody
from worker.storage.upload.part_requests import LatestRequest
from worker.storage.upload.parts import Part, Parts
from worker.storage.upload.sending import Sending
from worker.use_cases.upload.ports import Attempt, Package

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

CONTENT_TYPE = "application/zip"
#: How often an object is asked to be put in place on another condition.
MOST_CONDITIONS = 5


class S3ResultsRepository:
    """`encryption`: arguments of server-side encryption for every object, as boto3 names them."""

    def __init__(
        self,
        client: "S3Client",
        bucket: str,
        encryption: dict[str, Any],
        sending: Sending | None = None,
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._encryption = encryption
        self._sending = sending or Sending()
        self._checks: Checks = Crc32Checks()
        self._latest = LatestRequest()
        self._knows_conditions = True
        for operation in ("CreateMultipartUpload", "ListParts"):
            client.meta.events.register(f"before-send.s3.{operation}", self._latest.note)
        client.meta.events.register("before-send.s3.UploadPart", PartBody.before_send)

    def upload(
        self,
        prefix: JobS3Prefix,
        run: Run,
        package: Package,
        attempt: Attempt,
        begun: str | None = None,
    ) -> Artifact:
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
        sending = self._planned(package)
        parts = Parts(_checked(package, attempt), sending.part_size)
        with self._storing(key):
            if not parts.is_one:
                return self._send(
                    key, parts, sending, metadata=metadata, attempt=attempt, begun=begun
                )
            if begun:
                self.abort(key, begun)
            return self._put(key, next(parts), metadata, attempt)

    def abort(self, key: str, multipart_id: str) -> None:
        abort(self._client, self._bucket, key, multipart_id)

    def holds(self, key: str, *, size: int, checksum: str, sha256: str | None) -> bool:
        with translated_s3_errors(f"looking for {key}"):
            return self._verdict(Artifact(key, size, checksum, sha256)) is True

    def url(self, key: str) -> str:
        return ObjectUrl(self._bucket, key).permanent(self._client.meta.endpoint_url)

    def _put(self, key: str, part: Part, metadata: dict[str, str], attempt: Attempt) -> Artifact:
        whole = Whole()
        whole.add(part)
        body = b"".join(part.pieces)
        digest = sha256(body).hexdigest()
        artifact = _artifact(key, whole, digest)

        def place(condition: dict[str, Any]) -> str | None:
            answer = self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=body,
                ContentType=CONTENT_TYPE,
                # only here: a multipart upload takes its metadata before its bytes are known
                Metadata=metadata | {"sha256": digest},
                **self._checks.for_part(part),
                **self._encryption,
                **condition,
            )
            return answer.get("ChecksumCRC32")

        self._place(artifact, attempt, place)
        return artifact

    def _send(
        self,
        key: str,
        parts: Iterable[Part],
        sending: Sending,
        *,
        metadata: dict[str, str],
        attempt: Attempt,
        begun: str | None,
    ) -> Artifact:
        whole = Whole()
        with (
            multipart_upload(
                self._client,
                self._checks,
                sending,
                self._latest,
                attempt,
                begun=begun,
                bucket=self._bucket,
                key=key,
                ContentType=CONTENT_TYPE,
                Metadata=metadata,
                **self._encryption,
            ) as upload,
            self._storing(key),
        ):
            attempt.opened(upload.id)
            for part in parts:
                whole.add(part)
                upload.send(part)
            upload.finish()
            artifact = _artifact(key, whole, None)
            self._place(artifact, attempt, partial(upload.complete, whole))
        return artifact

    def _place(
        self,
        artifact: Artifact,
        attempt: Attempt,
        place: Callable[[dict[str, Any]], str | None],
    ) -> None:
        """Let `place` put the artifact under its key, on the condition that what stands there is
        what we know of: nothing, or an object that the holder of the lease may replace.
        """
        attempt.sealed(artifact)
        condition: dict[str, Any] = {"IfNoneMatch": "*"}
        for _ in range(MOST_CONDITIONS):
            try:
                confirmed = place(condition if self._knows_conditions else {})
            except ClientError as error:
                if self._knows_conditions and refuses_conditions(error):
                    self._knows_conditions = False
                    continue
                if error.response["Error"]["Code"] not in ("PreconditionFailed", "NoSuchUpload"):
                    raise
                if self._verdict(artifact):
                    return  # it is ours: only the answer was lost
                if error.response["Error"]["Code"] == "NoSuchUpload":
                    raise
                condition = self._as_it_stands(artifact.key)
                # in this order: who has lost the lease ends here and replaces no successor's object
                attempt.sealed(artifact)
            else:
                self._require_verified(artifact, confirmed)
                return

        raise StorageUnavailable(f"{artifact.key} is being replaced by others again and again")

    def _as_it_stands(self, key: str) -> dict[str, Any]:
        """The condition that the key's object is still the one that is there now."""
        try:
            return {"IfMatch": self._client.head_object(Bucket=self._bucket, Key=key)["ETag"]}
        except ClientError as error:
            match error.response["Error"]["Code"]:
                case "404" | "NoSuchKey":
                    return {"IfNoneMatch": "*"}
                case "403":
                    return {}
            raise

    @contextmanager
    def _storing(self, key: str) -> Iterator[None]:
        with translated_s3_errors(f"storing {key}"), self._falling_back():
            yield

    @contextmanager
    def _falling_back(self) -> Iterator[None]:
        """A store that refuses CRC-32 is asked for MD5 from the next attempt on."""
        try:
            yield
        except ClientError as error:
            if not refuses_checksums(error) or isinstance(self._checks, Md5Checks):
                raise
            self._checks = Md5Checks()
            raise OtherChecks(
                "the store knows no CRC-32 checksums; the next attempt sends MD5 instead"
            ) from error

    def _planned(self, package: Package) -> Sending:
        try:
            return self._sending.planned(package.size_bound)
        except ValueError as error:
            raise StorageRefused(str(error)) from error

    def _require_verified(self, artifact: Artifact, confirmed: str | None) -> None:
        """S3 has refused wrong bytes, and says so; a store that says nothing is asked."""
        if f"{CRC32}:{confirmed}" != artifact.checksum and self._verdict(artifact) is False:
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
            return f"{CRC32}:{head['ChecksumCRC32']}" == artifact.checksum
        # some stores give the names of metadata back in capitals
        metadata = {name.lower(): value for name, value in head["Metadata"].items()}
        known = metadata.get("sha256"), artifact.sha256
        return None if None in known else known[0] == known[1]


def _checked(package: Package, attempt: Attempt) -> Iterator[bytes | bytearray]:
    for chunk in package.chunks():
        attempt.moved()
        attempt.check()
        yield chunk


def _artifact(key: str, whole: Whole, digest: str | None) -> Artifact:
    return Artifact(key=key, size=whole.size, checksum=f"{CRC32}:{whole.crc32}", sha256=digest)
