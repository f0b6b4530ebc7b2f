"""`oneprefix demo`: uploads three runs of a job under one prefix, on this machine."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from zipfile import ZipFile

import typer
from rich.live import Live
from rich.tree import Tree

from cli.demo.results import write_run
from cli.demo.surroundings import configure, running_worker, workplace
from cli.output import Json, console, human_size, print_json, reported
from cli.uploads.status import table_of
from worker.bootstrap.services import Services
from worker.database.jobs import add_job
from worker.database.uploads.upload_list import SqlUploadList
from worker.embedded.s3_server import s3_server
from worker.errors import PermanentError, TransientError
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.stored_object import StoredObject
from worker.models.upload import Upload, UploadState
from worker.settings import load_settings

JOB_ID, RUN_IDS = 12, (4, 5, 6)
CREATED_AT = datetime(2025, 10, 23, 21, 15, tzinfo=UTC)
BUCKET = "oneprefix-demo"
#: Seconds between the ends of two runs, and until the demo gives up.
BETWEEN_RUNS, TIMEOUT = 2.0, 120.0


def demo(
    keep: Annotated[
        Path | None,
        typer.Option(help="Work in this new directory, and keep results and database there."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show three runs of a job finish seconds apart and land under one prefix.

    Starts a broker, an S3 server and a worker on this machine, and stops them again.
    """
    say = _silent if as_json else console.print
    with reported(as_json), ExitStack() as stack:
        directory = stack.enter_context(workplace(keep))
        say("[bold]Starting[/] an S3 server, a broker and a worker, all on this machine …")
        endpoint = stack.enter_context(s3_server())
        configure(directory, endpoint, BUCKET)
        stack.enter_context(running_worker())
        shown = _run_job(directory / "results", quiet=as_json)
        if as_json:
            print_json(shown.as_dict())
        else:
            _tell(shown)
            if keep:
                say(f"Left in {directory}: results, archive, database.")


@dataclass(frozen=True, slots=True)
class Shown:
    prefix: str
    uploads: list[Upload]
    artifacts: list[StoredObject]
    verified: str
    """Name of the archive that was downloaded and compared, file by file."""
    files: int

    def as_dict(self) -> dict[str, Any]:
        return {
            "prefix": self.prefix,
            "artifacts": [
                {"key": each.key, "size": each.size, "checksum": each.checksum}
                for each in self.artifacts
            ],
            "verified": self.verified,
            "files": self.files,
        }


def _silent(*_: object) -> None:
    pass


def _run_job(results: Path, *, quiet: bool) -> Shown:
    from tasks import enqueue

    services = Services(load_settings())
    bucket = services.bucket
    bucket.create()
    job = add_job(services.engine, JOB_ID, CREATED_AT, RUN_IDS)
    prefix = JobS3Prefix.from_job(job)
    with Live(console=console, refresh_per_second=8, transient=quiet) as live:
        show = _silent if quiet else live.update
        for number, run_id in enumerate(RUN_IDS):
            directory = results / f"RUN{run_id}"
            write_run(directory, seed=run_id)
            enqueue(JOB_ID, run_id, str(directory))
            if number + 1 < len(RUN_IDS):
                _watch(services.upload_list, show, until=time.monotonic() + BETWEEN_RUNS)
        uploads = _watch(
            services.upload_list, show, until=time.monotonic() + TIMEOUT, all_over=True
        )
    if any(upload.state is not UploadState.LANDED for upload in uploads):
        raise TransientError("not every run has landed, see the table above")
    archive = results.parent / "run_4_results.zip"
    stored = bucket.require(prefix.run_results_key(RUN_IDS[0]))
    archive.write_bytes(b"".join(bucket.read(stored, 0, stored.size)))
    files = _verify(archive, results)
    artifacts = [bucket.require(found.key) for found in bucket.list(prefix.folder)]
    return Shown(prefix.base_prefix, uploads, artifacts, archive.name, files)


def _watch(
    listed: SqlUploadList, show: Any, *, until: float, all_over: bool = False
) -> list[Upload]:
    """Show the uploads until a time on the monotonic clock, or until all have ended."""
    while True:
        uploads = listed.uploads(JOB_ID)
        show(table_of(uploads, remarks=False))
        over = all_over and all(upload.state.is_over for upload in uploads)
        if over or time.monotonic() > until:
            return uploads
        time.sleep(0.1)


def _verify(archive: Path, results: Path) -> int:
    """Compare the archive with its directory, and return the number of files.

    PermanentError if a name or a byte differs.
    """
    on_disk = {
        path.relative_to(results).as_posix()
        for path in (results / f"RUN{RUN_IDS[0]}").rglob("*")
        if path.is_file()
    }
    with ZipFile(archive) as packed:
        names = {name for name in packed.namelist() if not name.endswith("/")}
        if names != on_disk or any(
            packed.read(name) != (results / name).read_bytes() for name in names
        ):
            raise PermanentError(f"{archive.name} differs from the directory it was made from")
    return len(names)


def _tell(shown: Shown) -> None:
    tree = Tree(f"[bold]s3://{BUCKET}/{shown.prefix}/[/]")
    for artifact in shown.artifacts:
        name = artifact.key.removeprefix(shown.prefix + "/")
        tree.add(f"{name}  {human_size(artifact.size)}  [dim]{artifact.checksum}[/]")
    console.print()
    console.print(tree)
    console.print(
        f"[green]Verified:[/] {shown.verified} was downloaded; "
        f"its {shown.files} files are those of the run's directory, byte for byte."
    )
