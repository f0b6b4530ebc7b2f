"""`oneprefix demo`: uploads three runs of a job under one prefix, on this machine."""

import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zipfile import ZipFile

import typer
from rich.live import Live
from rich.tree import Tree

from cli.demo.results import write_run
from cli.demo.surroundings import configure, running_worker, workplace
from cli.operations.local_s3 import local_s3
from cli.output import Json, PrintableConsole, console, print_json, reported
from cli.uploads.status import table_of
from worker.errors import PermanentError, TransientError
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.stored_object import StoredObject
from worker.models.upload import Upload, UploadState
from worker.wording import human_size

if TYPE_CHECKING:
    from worker.database.uploads.upload_list import SqlUploadList
    from worker.storage.objects.bucket import Bucket

JOB_ID, RUN_IDS = 12, (4, 5, 6)
CREATED_AT = datetime(2025, 10, 23, 21, 15, tzinfo=UTC)
BUCKET = "oneprefix-demo"
#: Name of the archive that is downloaded and compared, file by file.
DOWNLOADED = "run_4_results.zip"
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
    from worker.bootstrap.services import Services
    from worker.database.jobs import add_job
    from worker.settings import load_settings

    screen = PrintableConsole(quiet=True) if as_json else console
    with reported(as_json), ExitStack() as stack:
        directory = stack.enter_context(workplace(keep))
        screen.print("[bold]Starting[/] an S3 server, a broker and a worker, all on this machine …")
        configure(directory)
        stack.enter_context(local_s3(BUCKET))
        services = Services(load_settings())
        (directory / "results").mkdir()
        stack.enter_context(running_worker())
        prefix = JobS3Prefix.from_job(add_job(services.engine, JOB_ID, CREATED_AT, RUN_IDS))
        _upload_runs(services.upload_list, directory / "results", screen)
        files = _verify(services.bucket, prefix, directory)
        found = services.bucket.list(prefix.folder)
        artifacts = [services.bucket.require(each.key) for each in found]
        if as_json:
            _print_json(prefix, artifacts, files)
        else:
            _print(prefix, artifacts, files)
            if keep:
                console.print(f"Left in {directory}: results, archive, database.")


def _upload_runs(listed: "SqlUploadList", results: Path, screen: PrintableConsole) -> None:
    """Finish runs seconds apart, and request each one's upload; TransientError unless all land."""
    from tasks import enqueue

    with Live(console=screen, refresh_per_second=8) as live:
        for number, run_id in enumerate(RUN_IDS):
            directory = results / f"RUN{run_id}"
            write_run(directory, seed=run_id)
            enqueue(JOB_ID, run_id, str(directory))
            if number + 1 < len(RUN_IDS):
                _watch(listed, live, until=time.monotonic() + BETWEEN_RUNS)
        uploads = _watch(listed, live, until=time.monotonic() + TIMEOUT, all_over=True)
    if any(upload.state is not UploadState.LANDED for upload in uploads):
        raise TransientError("not every run has landed, see the table above")


def _watch(
    listed: "SqlUploadList", live: Live, *, until: float, all_over: bool = False
) -> list[Upload]:
    """Show the uploads until a time on the monotonic clock, or until all have ended."""
    while True:
        uploads = listed.uploads(JOB_ID)
        live.update(table_of(uploads, remarks=False))
        over = all_over and all(upload.state.is_over for upload in uploads)
        if over or time.monotonic() > until:
            return uploads
        time.sleep(0.1)


def _verify(bucket: "Bucket", prefix: JobS3Prefix, directory: Path) -> int:
    """Download a run's archive and compare it with its results; return the number of files.

    PermanentError if a name or a byte differs.
    """
    results, archive = directory / "results", directory / DOWNLOADED
    stored = bucket.require(prefix.run_results_key(RUN_IDS[0]))
    archive.write_bytes(b"".join(bucket.read(stored, 0, stored.size)))
    on_disk = {
        path.relative_to(results).as_posix(): path.read_bytes()
        for path in (results / f"RUN{RUN_IDS[0]}").rglob("*")
        if path.is_file()
    }
    with ZipFile(archive) as packed:
        files = [name for name in packed.namelist() if not name.endswith("/")]
        if {name: packed.read(name) for name in files} != on_disk:
            raise PermanentError(f"{archive.name} differs from the directory it was made from")
    return len(files)


def _print_json(prefix: JobS3Prefix, artifacts: list[StoredObject], files: int) -> None:
    rows = [{"key": each.key, "size": each.size, "checksum": each.checksum} for each in artifacts]
    shown = {"prefix": prefix.base_prefix, "verified": DOWNLOADED, "files": files}
    print_json(shown | {"artifacts": rows})


def _print(prefix: JobS3Prefix, artifacts: list[StoredObject], files: int) -> None:
    tree = Tree(f"[bold]s3://{BUCKET}/{prefix.folder}[/]")
    for artifact in artifacts:
        name = artifact.key.removeprefix(prefix.folder)
        tree.add(f"{name}  {human_size(artifact.size)}  [dim]{artifact.checksum}[/]")
    console.print()
    console.print(tree)
    console.print(
        f"[green]Verified:[/] {DOWNLOADED} was downloaded; "
        f"its {files} files are those of the run's directory, byte for byte."
    )
