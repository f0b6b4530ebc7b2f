"""Presigned URLs from which a job's artifacts can be downloaded."""

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from worker.errors import ArtifactNotFound, RunNotFound
from worker.models.artifact import ArtifactId
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.presigned_url import DownloadLocation
from worker.use_cases.job.lookup import nothing_found, prefix_of, run_of
from worker.use_cases.job_objects import JobObjects, PlacedObject
from worker.use_cases.ports import JobRepository, RunRepository

if TYPE_CHECKING:
    from worker.database.uploads.upload_list import SqlUploadList
    from worker.storage.objects.bucket import Bucket
    from worker.storage.presigned_urls import S3PresignedUrls

#: Characters that could mean something in a header, a shell or a path.
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
LONGEST_FILE_NAME = 200


@dataclass(frozen=True, slots=True)
class LocateArtifacts:
    jobs: JobRepository
    runs: RunRepository
    uploads: "SqlUploadList"
    bucket: "Bucket"
    urls: "S3PresignedUrls"

    def __call__(
        self, job_id: int, run_id: int | None = None, *, expires_in: timedelta
    ) -> list[DownloadLocation]:
        """Locations of the job's artifacts, or of one run's, by key; raises ArtifactNotFound."""
        prefix = prefix_of(self.jobs, self.runs, job_id, run_id)
        uploads = self.uploads.uploads(job_id)
        objects = JobObjects.of(prefix, self.bucket, self.runs.of_job(job_id), uploads)
        found = [
            self._location(each, prefix, expires_in)
            for each in objects.list()
            if run_id in (None, run_of(each.stored.key, prefix))
        ]
        if not found:
            raise nothing_found(self.runs, uploads, self.bucket, prefix, run_id)
        return found

    def one(self, job_id: int, key: str, *, expires_in: timedelta) -> DownloadLocation:
        """The location of one object under the job's prefix; raises ArtifactNotFound."""
        prefix = prefix_of(self.jobs, self.runs, job_id)
        run_id = run_of(key, prefix)
        uploads = self.uploads.uploads(job_id, run_id) if run_id else []
        runs = []
        if run_id:
            with suppress(RunNotFound):
                runs.append(self.runs.get(run_id))
        objects = JobObjects.of(prefix, self.bucket, runs, uploads)
        placed = objects.find(key) if key.startswith(prefix.folder) else None
        if placed is None:
            raise ArtifactNotFound(f"nothing lies under {key!r:.200}", job_id=job_id)
        return self._location(placed, prefix, expires_in)

    def _location(
        self, placed: PlacedObject, prefix: JobS3Prefix, expires_in: timedelta
    ) -> DownloadLocation:
        bucket, found = placed
        kind, run_id = ArtifactId.at(found.key, prefix) or (None, None)
        name = file_name(found.key, prefix)
        location = self.urls.to_download(bucket.name, found, name, expires_in)
        return replace(location, kind=kind, run_id=run_id)


def file_name(key: str, prefix: JobS3Prefix) -> str:
    """A name that tells the job and the run without the prefix: `job_12_run_4_results.zip`."""
    name = key.removeprefix(prefix.folder).removeprefix("job_")
    return f"job_{prefix.job_id}_{_UNSAFE.sub('_', name)}"[-LONGEST_FILE_NAME:]
