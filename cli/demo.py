"""`oneprefix demo`: the main job, from three runs' directories to one prefix, on this machine."""

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from zipfile import ZipFile

import typer
from rich.live import Live
from rich.tree import Tree

from cli.demo_results import write_run
from cli.output import Json, console, human_size, print_json, reported
from cli.status import table_of
from cli.supervisor import Supervisor
from tasks import enqueue
from tasks.services import services
from worker.bootstrap import artifact_store
from worker.database.stand_in import add_job
from worker.embedded.s3_server import s3_server
from worker.errors import OneprefixError, PermanentError, TransientError
from worker.models.artifact import Artifact
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.upload import Upload, UploadState
from worker.settings import load_settings

JOB_ID, RUN_IDS = 12, (4, 5, 6)
CREATED_AT = datetime(2025, 10, 23, 21, 15, tzinfo=UTC)
BUCKET = "oneprefix-demo"
#: Seconds between two runs' ends, and until the demo gives up.
BETWEEN_RUNS, TIMEOUT = 2.0, 120.0


def demo(
    keep: Annotated[
        Path | None,
        typer.Option(help="Do it in this directory, and leave results and database there."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Three runs of a job finish seconds apart, and land under its one prefix.

    Starts a broker, an S3 server and a worker, all of them local, and stops them again.
    """
    say = _silent if as_json else console.print
    with reported(as_json), ExitStack() as stack:
        directory = stack.enter_context(_workplace(keep))
        say("[bold]Starting[/] an S3 server, a broker and a worker, all on this machine …")
        endpoint = stack.enter_context(s3_server())
        _configure(directory, endpoint)
        stack.enter_context(_running_worker())
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
    artifacts: list[Artifact]
    verified: str
    """The archive that was downloaded and compared, file by file."""
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


@contextmanager
def _workplace(keep: Path | None) -> Iterator[Path]:
    """The demo's directory, and the current one too, so that no `.env` of the user's is read."""
    before = Path.cwd()
    if keep and keep.is_dir() and any(keep.iterdir()):
        raise PermanentError(f"{keep} is not empty; name a new directory for --keep")
    directory = keep.absolute() if keep else Path(tempfile.mkdtemp(prefix="oneprefix-demo-"))
    try:
        directory.mkdir(parents=True, exist_ok=True)
        os.chdir(directory)
    except OSError as error:
        raise PermanentError(f"{directory} can't be used: {error.strerror}") from error
    try:
        yield directory
    finally:
        os.chdir(before)
        if not keep:
            shutil.rmtree(directory)


def _configure(directory: Path, endpoint: str) -> None:
    """This process's environment, and so its children's, is the demo's alone."""
    for name in list(os.environ):
        if name.startswith(("ONEPREFIX_", "AWS_")) or name.lower().endswith("_proxy"):
            del os.environ[name]
    os.environ |= {
        "ONEPREFIX_DATA_DIR": str(directory / "data"),
        "ONEPREFIX_RESULTS_ROOTS": str(directory / "results"),
        "ONEPREFIX_S3_BUCKET": BUCKET,
        "ONEPREFIX_RECOVERY_SECONDS": "1",
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_ACCESS_KEY_ID": "demo",
        "AWS_SECRET_ACCESS_KEY": "demo",
        "AWS_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


@contextmanager
def _running_worker() -> Iterator[None]:
    """A supervised worker; the block begins once the schema stands."""
    # The children's parent is the thread that starts them, so the supervisor keeps one of its own
    stop, hurry, failed = threading.Event(), threading.Event(), list[OneprefixError]()
    supervisor = Supervisor(
        load_settings(), _silent, worker_options=["--concurrency=2"], quiet=True
    )

    def supervise() -> None:
        try:
            supervisor.run(stop, hurry)
        except OneprefixError as error:
            failed.append(error)

    thread = threading.Thread(target=supervise)
    thread.start()
    try:
        while not supervisor.is_up:
            if not thread.is_alive():
                raise failed[0]
            time.sleep(0.05)
        yield
    finally:
        stop.set()
        thread.join()


def _run_job(results: Path, *, quiet: bool) -> Shown:
    store = artifact_store(services().settings)
    store.make_bucket()
    job = add_job(services().engine, JOB_ID, CREATED_AT, RUN_IDS)
    prefix = JobS3Prefix.from_job(job)
    with Live(console=console, refresh_per_second=8, transient=quiet) as live:
        show = _silent if quiet else live.update
        for number, run_id in enumerate(RUN_IDS):
            directory = results / f"RUN{run_id}"
            write_run(directory, seed=run_id)
            enqueue(JOB_ID, run_id, str(directory))
            if number + 1 < len(RUN_IDS):
                _watch(show, until=time.monotonic() + BETWEEN_RUNS)
        uploads = _watch(show, until=time.monotonic() + TIMEOUT, all_over=True)
    if any(upload.state is not UploadState.LANDED for upload in uploads):
        raise TransientError("not every run has landed, see the table above")
    archive = results.parent / "run_4_results.zip"
    store.download(prefix.run_results_key(RUN_IDS[0]), archive)
    files = _verify(archive, results)
    return Shown(prefix.base_prefix, uploads, store.list(prefix), archive.name, files)


def _watch(show: Any, *, until: float, all_over: bool = False) -> list[Upload]:
    """Show the uploads until a time, or until all of them are over."""
    while True:
        uploads = services().upload_list.uploads(JOB_ID)
        show(table_of(uploads, remarks=False))
        over = all_over and all(upload.state.is_over for upload in uploads)
        if over or time.monotonic() > until:
            return uploads
        time.sleep(0.1)


def _verify(archive: Path, results: Path) -> int:
    """How many files the archive holds, each the same as in the directory it was made from."""
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
