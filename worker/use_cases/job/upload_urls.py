"""Presigned URLs to which a job's configurations, inputs and logs can be uploaded."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from worker.models.artifact import ArtifactId, ArtifactKind
from worker.models.presigned_url import UploadLocation
from worker.use_cases.job.lookup import prefix_for_upload
from worker.use_cases.ports import JobRepository, RunRepository

if TYPE_CHECKING:
    from worker.storage.presigned_urls import S3PresignedUrls

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class SubmitArtifact:
    jobs: JobRepository
    runs: RunRepository
    urls: "S3PresignedUrls"

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
        prefix = prefix_for_upload(self.jobs, self.runs, job_id, artifact)
        return self.urls.to_upload(prefix, artifact, expires_in)
