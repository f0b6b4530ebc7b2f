"""Reads a run's archive where it lies: what it holds, and single files of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from worker.errors import ArtifactNotFound, MemberNotFound, OneprefixError
from worker.models.archive import ArchiveMember
from worker.use_cases.job.lookup import prefix_of, results_missing
from worker.use_cases.job.ports import ArchiveFile, ObjectReader, OpenedZip
from worker.use_cases.ports import ArtifactStore, JobRepository, RunRepository


@dataclass(frozen=True, slots=True)
class RemoteArchive:
    file: ArchiveFile
    """Which tells how much of it has been transferred."""
    opened: OpenedZip

    def find(self, name: str) -> ArchiveMember:
        """The file of that name, as it is or as it is shown; MemberNotFound."""
        files = [each for each in self.opened.members if not each.is_directory]
        found = [each for each in files if name == each.name] or [
            each for each in files if name == each.shown
        ]
        if not found:
            raise MemberNotFound(f"the archive holds no file {name!r}; `oneprefix contents` lists")
        return found[-1]  # of several, that which readers unpack over the others


@dataclass(frozen=True, slots=True)
class ReadArchive:
    jobs: JobRepository
    runs: RunRepository
    store: ArtifactStore
    objects: ObjectReader
    open_zip: Callable[[ArchiveFile], OpenedZip]
    """Raises InvalidArchive if the file is no ZIP."""

    @contextmanager
    def __call__(self, job_id: int, run_id: int) -> Iterator[RemoteArchive]:
        """The archive of the run's results; errors in the block name the job and the run."""
        prefix = prefix_of(self.jobs, self.runs, job_id, run_id)
        try:
            file = self.objects.open(prefix.run_results_key(run_id))
            yield RemoteArchive(file, self.open_zip(file))
        except ArtifactNotFound as error:
            raise results_missing(self.runs.get(run_id), prefix, self.store) from error
        except OneprefixError as error:
            raise error.concerning(job_id=job_id, run_id=run_id)  # noqa: B904  itself
