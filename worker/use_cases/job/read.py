"""Reads single files of a run's archive in S3, without downloading the archive."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.errors import MemberNotFound, OneprefixError
from worker.models.archive import ArchiveMember
from worker.use_cases.job.lookup import nothing_found, prefix_of
from worker.use_cases.job_objects import JobObjects
from worker.use_cases.ports import JobRepository, RunRepository

if TYPE_CHECKING:
    from worker.database.uploads.upload_list import SqlUploadList
    from worker.packaging.reading.zip_reader import ZipReader
    from worker.storage.objects.bucket import Bucket
    from worker.storage.objects.seekable_object import RangeReader


@dataclass(frozen=True, slots=True)
class RemoteArchive:
    file: "RangeReader"
    """Counts the requests and the bytes transferred."""
    opened: "ZipReader"

    def find(self, name: str) -> ArchiveMember:
        """The file of that name, plain or as `ArchiveMember.shown`; raises MemberNotFound."""
        files = [each for each in self.opened.members if not each.is_directory]
        found = [each for each in files if name == each.name] or [
            each for each in files if name == each.shown
        ]
        if not found:
            raise MemberNotFound(f"the archive holds no file {name!r}; `oneprefix contents` lists")
        return found[-1]  # where names repeat, readers unpack the last one over the others


@dataclass(frozen=True, slots=True)
class ReadArchive:
    jobs: JobRepository
    runs: RunRepository
    uploads: "SqlUploadList"
    bucket: "Bucket"
    open_zip: Callable[["RangeReader"], "ZipReader"]
    """Raises InvalidArchive if the file is no ZIP."""

    @contextmanager
    def __call__(self, job_id: int, run_id: int) -> Iterator[RemoteArchive]:
        """Open the archive of the run's results; errors in the block name the job and the run."""
        prefix = prefix_of(self.jobs, self.runs, job_id, run_id)
        try:
            uploads = self.uploads.uploads(job_id, run_id)
            objects = JobObjects.of(prefix, self.bucket, [self.runs.get(run_id)], uploads)
            placed = objects.find(prefix.run_results_key(run_id))
            if placed is None:
                raise nothing_found(self.runs, uploads, self.bucket, prefix, run_id)
            file = placed.bucket.open(placed.stored)
            yield RemoteArchive(file, self.open_zip(file))
        except OneprefixError as error:
            raise error.concerning(job_id=job_id, run_id=run_id)  # noqa: B904  itself
