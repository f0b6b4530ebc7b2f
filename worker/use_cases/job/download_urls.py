"""Gives a location for each of a job's artifacts, good for a while without credentials."""

import re
from dataclasses import dataclass
from datetime import timedelta

from worker.errors import ArtifactNotFound
from worker.models.artifact import ArtifactId
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.presigned_url import DownloadLocation
from worker.use_cases.job.lookup import prefix_of, results_missing
from worker.use_cases.job.ports import DownloadLocationRepository
from worker.use_cases.ports import ArtifactStore, JobRepository, RunRepository

#: Everything that could mean something in a header, a shell or a path.
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
LONGEST_FILE_NAME = 200


@dataclass(frozen=True, slots=True)
class LocateArtifacts:
    jobs: JobRepository
    runs: RunRepository
    store: ArtifactStore
    locations: DownloadLocationRepository

    def __call__(
        self, job_id: int, run_id: int | None = None, *, expires_in: timedelta
    ) -> list[DownloadLocation]:
        """The job's, or one run's, by key; ArtifactNotFound if there is none."""
        prefix = prefix_of(self.jobs, self.runs, job_id, run_id)
        found = [
            self.locations.locate(each, file_name(each.key, prefix), expires_in)
            for each in self.store.list(prefix)
            if run_id is None or _is_of(run_id, each.key, prefix)
        ]
        if not found and run_id is not None:
            raise results_missing(self.runs.get(run_id), prefix, self.store)
        if not found:
            raise ArtifactNotFound("nothing has landed yet", job_id=job_id)
        return found


def _is_of(run_id: int, key: str, prefix: JobS3Prefix) -> bool:
    artifact = ArtifactId.at(key, prefix)
    return artifact is not None and artifact.run_id == run_id


def file_name(key: str, prefix: JobS3Prefix) -> str:
    """`job_12_run_4_results.zip`: whose it is, also far away from its prefix."""
    name = key.removeprefix(prefix.base_prefix + "/").removeprefix("job_")
    return f"job_{prefix.job_id}_{_UNSAFE.sub('_', name)}"[-LONGEST_FILE_NAME:]
