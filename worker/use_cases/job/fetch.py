"""Downloads a job's artifacts to a directory, and unpacks them there if told to."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from worker.errors import ArtifactNotFound, FileUnusable, OneprefixError
from worker.models.artifact import ArtifactId
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.stored_object import StoredObject
from worker.process.parallel import map_parallel
from worker.use_cases.job.lookup import prefix_of, results_missing
from worker.use_cases.job.ports import Downloads
from worker.use_cases.ports import ArtifactStore, JobRepository, RunRepository, UploadRecords

#: Objects under way; each is fetched by several ranges.
OBJECTS_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class PlannedFetch:
    key: str
    run_id: int | None
    size: int
    file: Path
    unpack_to: Path | None
    recorded: str | None
    """The checksum that the upload recorded, as `CRC32:base64`."""


@dataclass(frozen=True, slots=True)
class FetchPlan:
    job_id: int
    directory: Path
    fetches: list[PlannedFetch]
    others: list[str]
    """Keys of what is none of our artifacts, and is left where it is."""

    @property
    def size(self) -> int:
        return sum(each.size for each in self.fetches)


@dataclass(frozen=True, slots=True)
class Fetched:
    is_new: bool
    """False for what was there already."""
    is_verified: bool
    """False where no checksum of the whole object is known."""


@dataclass(frozen=True, slots=True)
class FetchArtifacts:
    jobs: JobRepository
    runs: RunRepository
    uploads: UploadRecords
    store: ArtifactStore
    downloads: Downloads
    unpack: Callable[[Path, Path], None]
    """Make the second path, a new directory, from the archive at the first.

    Raises InvalidArchive or FileUnusable, and leaves nothing there, if anything is wrong.
    """

    def plan(self, job_id: int, run_id: int | None, directory: Path, *, unpack: bool) -> FetchPlan:
        """What is there of the job, or of one run; ArtifactNotFound if nothing is."""
        prefix = prefix_of(self.jobs, self.runs, job_id, run_id)
        recorded = {each.s3_key: each.checksum for each in self.uploads.uploads(job_id)}
        plan = planned(
            self.store.list(prefix), prefix, run_id, directory, unpack=unpack, recorded=recorded
        )
        if not plan.fetches and run_id is not None:
            raise results_missing(self.runs.get(run_id), prefix, self.store)
        if not plan.fetches:
            raise ArtifactNotFound("nothing has landed yet", job_id=job_id)
        return plan

    def __call__(
        self, plan: FetchPlan, moved: Callable[[int], None] = lambda _: None
    ) -> Iterator[tuple[PlannedFetch, Fetched | OneprefixError]]:
        """Each planned one with what became of it; `moved` is told of bytes, from any thread."""
        fetch = partial(self._fetch, plan.job_id, moved)
        with self.downloads.alone_in(plan.directory):
            yield from map_parallel(plan.fetches, fetch, concurrency=OBJECTS_AT_ONCE)

    def _fetch(self, job_id: int, moved: Callable[[int], None], planned: PlannedFetch) -> Fetched:
        try:
            found = self.downloads.look(planned.key, planned.recorded)
            is_new = not self.downloads.has(planned.file, found)
            if is_new:
                _require_free(planned.unpack_to)
                self.downloads.download(found, planned.file, moved)
            if planned.unpack_to and not planned.unpack_to.exists():
                self.unpack(planned.file, planned.unpack_to)
        except OneprefixError as error:
            raise error.concerning(job_id=job_id, run_id=planned.run_id)  # noqa: B904  itself
        return Fetched(is_new, is_verified=found.checksum is not None)


def _require_free(directory: Path | None) -> None:
    """What an earlier archive was unpacked to is not taken for this one's content."""
    if directory and directory.exists():
        raise FileUnusable(f"{directory} is there already, and not from this archive; move it away")


def planned(
    objects: Iterable[StoredObject],
    prefix: JobS3Prefix,
    run_id: int | None,
    directory: Path,
    *,
    unpack: bool,
    recorded: dict[str | None, str | None],
) -> FetchPlan:
    plan = FetchPlan(prefix.job_id, directory, fetches=[], others=[])
    for each in objects:
        artifact = ArtifactId.at(each.key, prefix)
        if artifact is None:
            plan.others.append(each.key)
        elif run_id in (None, artifact.run_id):
            # the name is one of our own, whatever anybody puts under the prefix
            file = directory / Path(each.key).name
            plan.fetches.append(
                PlannedFetch(
                    key=each.key,
                    run_id=artifact.run_id,
                    size=each.size,
                    file=file,
                    unpack_to=file.with_suffix("") if unpack and file.suffix == ".zip" else None,
                    recorded=recorded.get(each.key),
                )
            )
    return plan
