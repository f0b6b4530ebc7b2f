"""Stores the archives of runs' results, each under its job's one prefix."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from worker.errors import PrefixMismatch
from worker.models.artifact import Artifact, ArtifactKind
from worker.models.job import Run
from worker.models.job_s3_prefix import JobS3Prefix
from worker.storage.errors import refuses_checksums, translated_s3_errors
from worker.storage.objects.bucket import Bucket
from worker.storage.upload.checksums import (
    ChecksumsRefused,
    Crc32Checksums,
    Md5Checksums,
    RequestChecksums,
)
from worker.storage.upload.conditional_write import Condition, ConditionalWriter
from worker.storage.upload.fast_part_requests import PartRequests, listening
from worker.storage.upload.limits import Sending
from worker.storage.upload.multipart import (
    MultipartUpload,
    Target,
    aborted_unless_resumable,
    stored_parts,
)
from worker.storage.upload.part_body import PartBody
from worker.storage.upload.parts import in_parts, peeked
from worker.storage.upload.single_put import SinglePut


class S3ResultsStore:
    def __init__(
        self,
        bucket: Bucket,
        encryption: dict[str, Any],
        sending: Sending | None = None,
    ) -> None:
        """`encryption`: arguments of server-side encryption, as boto3 names them."""
        self._bucket = bucket
        self._properties = {"ContentType": ArtifactKind.RUN_RESULTS.content_type, **encryption}
        self._sending = sending or Sending()
        self._checksums: RequestChecksums = Crc32Checksums()
        self._writer = ConditionalWriter(bucket)
        bucket.client.meta.events.register("before-send.s3", PartBody.before_send)

    @contextmanager
    def begin(
        self,
        prefix: JobS3Prefix,
        run: Run,
        chunks: Iterable[bytes | bytearray],
        *,
        size_bound: int,
        file_count: int,
        moved: Callable[[], None],
        check: Callable[[], None],
        sent: Callable[[int], None] = lambda _size: None,
        resume_id: str | None = None,
        cutbacks: int = 0,
    ) -> Iterator["_Archive"]:
        """Prepare to store an archive; see `ResultsStore`."""
        _require_same_job(prefix, run)
        key = prefix.run_results_key(run.id)
        sending = self._sending.cut_back(cutbacks).planned(size_bound)
        request = {
            "Bucket": self._bucket.name,
            "Key": key,
            "Metadata": {
                "job-id": str(run.job_id),
                "run-id": str(run.id),
                "file-count": str(file_count),
            },
            **self._properties,
        }
        is_single, parts = peeked(in_parts(_watched(chunks, moved, check), sending.part_size))
        storing = partial(self._storing, key)
        if is_single:
            if resume_id:
                self.abort(key, resume_id)
            put = SinglePut(
                self._bucket,
                self._writer,
                self._checksums,
                next(parts),
                request=request,
                before_piece=partial(sending.before_piece, sent),
                taken=sending.taken,
            )
            yield _Archive(put, storing)
            return
        with listening(self._bucket.client) as latest:
            with storing():
                target, stored = self._opened(request, resume_id)
            upload = MultipartUpload(
                self._bucket,
                target,
                parts,
                sending,
                requests=PartRequests(self._bucket.client, latest.request),
                writer=self._writer,
                checksums=self._checksums,
                stored=stored,
                sent=sent,
                check=check,
            )
            with aborted_unless_resumable(self._bucket, key, upload):
                yield _Archive(upload, storing)

    def abort(self, key: str, multipart_id: str) -> None:
        self._bucket.abort(key, multipart_id)

    def holds(self, artifact: Artifact) -> bool:
        return self._writer.stands(artifact) is True

    def url(self, key: str) -> str:
        return self._bucket.url(key)

    def _opened(self, request: dict[str, Any], resume_id: str | None) -> tuple[Target, Any]:
        """The multipart upload, resumed if S3 still has it, and its parts that S3 has already."""
        bucket, key = self._bucket, request["Key"]
        stored = stored_parts(bucket, key, resume_id) if resume_id else None
        if resume_id is None or stored is None:
            created = bucket.client.create_multipart_upload(
                **request, **self._checksums.for_creation()
            )
            resume_id, stored = created["UploadId"], {}
        return Target(Bucket=bucket.name, Key=key, UploadId=resume_id), stored

    @contextmanager
    def _storing(self, key: str) -> Iterator[None]:
        """Translate S3's errors; one that refuses CRC-32 makes the next attempt send MD5."""
        with translated_s3_errors(f"storing {key}"):
            try:
                yield
            except ClientError as error:
                if not refuses_checksums(error) or isinstance(self._checksums, Md5Checksums):
                    raise
                self._checksums = Md5Checksums()
                raise ChecksumsRefused(
                    "the store knows no CRC-32 checksums; the next attempt sends MD5 instead"
                ) from error


@dataclass(frozen=True, slots=True)
class _Archive:
    """An `OutgoingArchive` whose errors are ours."""

    outgoing: SinglePut | MultipartUpload
    storing: Callable[[], AbstractContextManager[None]]

    @property
    def multipart_upload_id(self) -> str | None:
        return self.outgoing.multipart_upload_id

    def send_parts(self) -> Artifact:
        with self.storing():
            return self.outgoing.send_parts()

    def complete(self, condition: Condition | None = None) -> Condition | None:
        with self.storing():
            return self.outgoing.complete(condition)


def _require_same_job(prefix: JobS3Prefix, run: Run) -> None:
    if prefix.job_id != run.job_id:
        raise PrefixMismatch(
            f"the prefix belongs to job {prefix.job_id}, the run to job {run.job_id}",
            job_id=prefix.job_id,
            run_id=run.id,
        )


def _watched(
    chunks: Iterable[bytes | bytearray], moved: Callable[[], None], check: Callable[[], None]
) -> Iterator[bytes | bytearray]:
    for chunk in chunks:
        moved()
        check()
        yield chunk
