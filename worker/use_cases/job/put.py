"""Uploads a file as a job's configuration or input, or as a run's configuration or logs."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from worker.models.artifact import Artifact, ArtifactId
from worker.use_cases.job.lookup import prefix_for_upload
from worker.use_cases.ports import JobRepository, RunRepository

if TYPE_CHECKING:
    from worker.storage.upload.upload_files import S3ArtifactUploads


@dataclass(frozen=True, slots=True)
class PutArtifact:
    jobs: JobRepository
    runs: RunRepository
    uploads: "S3ArtifactUploads"

    def plan(self, job_id: int, artifact: ArtifactId, file: Path) -> Artifact:
        """The artifact as it would be stored; sends nothing."""
        prefix = prefix_for_upload(self.jobs, self.runs, job_id, artifact)
        return self.uploads.measure(prefix, artifact, file)

    def __call__(self, job_id: int, artifact: ArtifactId, file: Path) -> Artifact:
        prefix = prefix_for_upload(self.jobs, self.runs, job_id, artifact)
        return self.uploads.put(prefix, artifact, file)
