"""Uploads a file as one of a job's other artifacts."""

from dataclasses import dataclass
from pathlib import Path

from worker.interfaces import ArtifactUploads, JobRepository, RunRepository
from worker.models.artifact import Artifact
from worker.models.artifact_kind import ArtifactId
from worker.use_cases.submit_artifact import prefix_to_submit_to


@dataclass(frozen=True, slots=True)
class PutArtifact:
    jobs: JobRepository
    runs: RunRepository
    uploads: ArtifactUploads

    def __call__(self, job_id: int, artifact: ArtifactId, file: Path) -> Artifact:
        prefix = prefix_to_submit_to(self.jobs, self.runs, job_id, artifact)
        return self.uploads.put(prefix, artifact, file)
