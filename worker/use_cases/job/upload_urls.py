"""Gives the location to which a job's other artifacts may be uploaded past us, for a while."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from worker.errors import InvalidRequest
from worker.models.artifact import ArtifactId, ArtifactKind
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.presigned_url import UploadLocation
from worker.use_cases.job.lookup import prefix_of
from worker.use_cases.ports import JobRepository, RunRepository

if TYPE_CHECKING:
    from worker.storage.upload.presigned import S3UploadLocationRepository

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class SubmitArtifact:
    jobs: JobRepository
    runs: RunRepository
    locations: "S3UploadLocationRepository"

    def submit_job_config(self, job_id: int, expires_in: timedelta = HOUR) -> UploadLocation:
        return self(job_id, ArtifactId(ArtifactKind.JOB_CONFIG), expires_in)

    def submit_job_input(self, job_id: int, expires_in: timedelta = HOUR) -> UploadLocation:
        return self(job_id, ArtifactId(ArtifactKind.JOB_INPUT), expires_in)

    def submit_run_config(
        self, job_id: int, run_id: int, expires_in: timedelta = HOUR
    ) -> UploadLocation:
        return self(job_id, ArtifactId(ArtifactKind.RUN_CONFIG, run_id), expires_in)

    def submit_run_logs(
        self, job_id: int, run_id: int, expires_in: timedelta = HOUR
    ) -> UploadLocation:
        return self(job_id, ArtifactId(ArtifactKind.RUN_LOGS, run_id), expires_in)

    def __call__(
        self, job_id: int, artifact: ArtifactId, expires_in: timedelta = HOUR
    ) -> UploadLocation:
        prefix = prefix_to_submit_to(self.jobs, self.runs, job_id, artifact)
        return self.locations.locate(prefix, artifact, expires_in)


def prefix_to_submit_to(
    jobs: JobRepository, runs: RunRepository, job_id: int, artifact: ArtifactId
) -> JobS3Prefix:
    if artifact.kind is ArtifactKind.RUN_RESULTS:
        raise InvalidRequest(
            "results are packed by workers: `oneprefix enqueue`",
            job_id=job_id,
            run_id=artifact.run_id,
        )
    return prefix_of(jobs, runs, job_id, artifact.run_id)
