"""Downloads a job's artifacts to a directory, and unpacks archives there if asked to."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from worker.errors import FileDiffers, OneprefixError
from worker.process.parallel import map_parallel
from worker.use_cases.job.fetch_plan import FetchPlan, PlannedFetch, planned
from worker.use_cases.job.lookup import nothing_found, prefix_of
from worker.use_cases.job_objects import JobObjects
from worker.use_cases.ports import JobRepository, RunRepository

if TYPE_CHECKING:
    from worker.database.uploads.upload_list import SqlUploadList
    from worker.storage.download.download_files import S3Downloads
    from worker.storage.objects.bucket import Bucket

#: Objects downloaded side by side, each by several ranges.
CONCURRENT_OBJECTS = 4


@dataclass(frozen=True, slots=True)
class Fetched:
    is_new: bool
    """False if the file was there already."""
    is_verified: bool
    """False where no checksum of the whole object is known."""
    compared: str | None = field(default=None, compare=False)
    """The checksums with which the file was compared."""


class Unpack(Protocol):
    def __call__(self, archive: Path, to: Path, *, limited: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class FetchArtifacts:
    jobs: JobRepository
    runs: RunRepository
    uploads: "SqlUploadList"
    bucket: "Bucket"
    downloads: "S3Downloads"
    unpack: Unpack
    """Make the second path, a new directory, from the archive at the first.

    Raises InvalidArchive or FileUnusable, and leaves nothing there, if anything is wrong.
    """
    set_aside: Callable[[Path], None]
    """Hide the directory until the next `unpack` to it has succeeded."""

    def plan(self, job_id: int, run_id: int | None, directory: Path, *, unpack: bool) -> FetchPlan:
        """The artifacts of the job, or of one run; raises ArtifactNotFound if there are none."""
        prefix = prefix_of(self.jobs, self.runs, job_id, run_id)
        uploads = self.uploads.uploads(job_id)
        objects = JobObjects.of(prefix, self.bucket, self.runs.of_job(job_id), uploads)
        recorded = {each.s3_key: each.checksum for each in uploads}
        plan = planned(objects.list(), prefix, run_id, directory, unpack=unpack, recorded=recorded)
        if not plan.fetches:
            raise nothing_found(self.runs, uploads, self.bucket, prefix, run_id)
        return plan

    def __call__(
        self,
        plan: FetchPlan,
        arrived: Callable[[int], None] = lambda _: None,
        *,
        force: bool = False,
        limited: bool = True,
    ) -> Iterator[tuple[PlannedFetch, Fetched | OneprefixError]]:
        """Yield each planned fetch with its result or error, in completion order.

        `limited`: whether archives of unusual size are not unpacked.

        A file that differs from its object becomes a FileDiffers, or with `force` is replaced.
        `arrived` is called with numbers of bytes, from any thread.
        """
        fetch = partial(self._fetch, plan.job_id, arrived, force, limited)
        with self.downloads.locked(plan.directory):
            yield from map_parallel(plan.fetches, fetch, concurrency=CONCURRENT_OBJECTS)

    def _fetch(
        self,
        job_id: int,
        arrived: Callable[[int], None],
        force: bool,
        limited: bool,
        planned: PlannedFetch,
    ) -> Fetched:
        try:
            bucket = self.bucket.other(planned.bucket)
            found = bucket.require(planned.key, version=planned.version_id)
            checksum = found.checksum or planned.recorded
            local = self.downloads.compare(planned.file, found, checksum)
            is_new = not local.is_there or bool(local.difference)
            if is_new:
                self._make_way(planned, local.difference, force)
                self.downloads.download(bucket, found, checksum, planned.file, arrived)
            if planned.unpack_to and not planned.unpack_to.exists():
                self.unpack(planned.file, planned.unpack_to, limited=limited)
        except OneprefixError as error:
            raise error.concerning(job_id=job_id, run_id=planned.run_id)  # noqa: B904  itself
        return Fetched(is_new, checksum is not None, compared(found.checksum, planned.recorded))

    def _make_way(self, planned: PlannedFetch, difference: str, force: bool) -> None:
        """Raise FileDiffers for a file that differs, or what an earlier archive was unpacked to."""
        directory, advice = planned.unpack_to, "move it away, or replace it with --force"
        if difference and not force:
            raise FileDiffers(f"{planned.file} is not {planned.key}: {difference}; {advice}")
        if directory and directory.exists():
            if not force:
                raise FileDiffers(
                    f"{directory} is there already, and not from this archive; {advice}"
                )
            self.set_aside(directory)


def compared(stored: str | None, recorded: str | None) -> str | None:
    """Name the checksums that a downloaded file was compared with; None if none is known."""
    match stored, recorded:
        case None, None:
            return None
        case None, _:
            return "the CRC-32 in its row"
        case _, None:
            return "the CRC-32 in S3"
        case _ if stored == recorded:
            return "the CRC-32 in S3 and in its row"
        case _:
            return f"the CRC-32 in S3, which is not the {recorded} of its row"
