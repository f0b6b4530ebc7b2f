"""Lists the objects under a job's prefix, and the runs whose results are missing, with reasons."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from worker.models.artifact import ArtifactId, ArtifactKind
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.upload import Upload, UploadState
from worker.use_cases.job_objects import JobObjects, PlacedObject
from worker.use_cases.ports import JobRepository, RunRepository

if TYPE_CHECKING:
    from worker.database.uploads.upload_list import SqlUploadList
    from worker.storage.objects.bucket import Bucket


@dataclass(frozen=True, slots=True)
class FoundArtifact:
    """One object; `kind` is None if it is not one of the job's artifacts."""

    bucket: str
    key: str
    kind: ArtifactKind | None
    run_id: int | None
    size: int
    checksum: str | None
    """`ALGORITHM:base64`, as the upload recorded it; None for anything but a run's results."""
    storage_class: str
    landed_at: datetime


@dataclass(frozen=True, slots=True)
class Missing:
    """A run without results under the prefix."""

    run_id: int
    state: UploadState | None
    """The state of its upload; None if nobody has asked for one."""
    why: str
    deleted_by: str | None = None
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    job_id: int
    bucket: str
    """Our own, which holds all artifacts that no one has moved."""
    prefix: str
    found: list[FoundArtifact]
    """By key."""
    missing: list[Missing]
    """By run."""

    @property
    def size(self) -> int:
        return sum(each.size for each in self.found)


@dataclass(frozen=True, slots=True)
class FindArtifacts:
    jobs: JobRepository
    runs: RunRepository
    uploads: "SqlUploadList"
    bucket: "Bucket"

    def __call__(self, job_id: int) -> Findings:
        prefix = JobS3Prefix.from_job(self.jobs.get(job_id))
        uploads = {upload.run_id: upload for upload in self.uploads.uploads(job_id)}
        runs = self.runs.of_job(job_id)
        objects = JobObjects.of(prefix, self.bucket, runs, uploads.values())
        found = [_found(each, prefix, uploads) for each in objects.list()]
        there = {each.run_id for each in found if each.kind is ArtifactKind.RUN_RESULTS}
        absent = ({run.id for run in runs} | set(uploads)) - there
        missing = [missing_because(each, uploads.get(each), prefix) for each in sorted(absent)]
        return Findings(job_id, self.bucket.name, prefix.base_prefix, found, missing)


def _found(placed: PlacedObject, prefix: JobS3Prefix, uploads: dict[int, Upload]) -> FoundArtifact:
    stored = placed.stored
    kind, run_id = ArtifactId.at(stored.key, prefix) or (None, None)
    upload = uploads.get(run_id) if run_id and kind is ArtifactKind.RUN_RESULTS else None
    return FoundArtifact(
        bucket=placed.bucket.name,
        key=stored.key,
        kind=kind,
        run_id=run_id,
        size=stored.size,
        checksum=upload.checksum if upload and upload.s3_key == stored.key else None,
        storage_class=stored.storage_class,
        landed_at=stored.modified_at,
    )


def missing_because(run_id: int, upload: Upload | None, prefix: JobS3Prefix) -> Missing:
    if upload is None:
        return Missing(run_id, None, "nobody has asked for its upload")
    match upload.state:
        case UploadState.LANDED if upload.s3_key not in (None, prefix.run_results_key(run_id)):
            why = (
                f"its object lies at {upload.results_url or upload.s3_key}, as the job's created_at"
                f" was when it landed; `oneprefix migrate {prefix.job_id}` brings it here"
            )
        case UploadState.LANDED:
            why = upload.error or "it had landed, but its object is gone"
        case UploadState.FAILED | UploadState.RETRYING | UploadState.CANCELLED:
            why = upload.error or "its upload failed"
        case UploadState.UPLOADING:
            why = "it is being uploaded"
        case UploadState.REQUESTED:
            why = "its upload waits for a worker"
    return Missing(run_id, upload.state, why, upload.deleted_by, upload.deleted_at)
