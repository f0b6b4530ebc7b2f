"""`oneprefix enqueue`: requests an upload, and waits for it if told to."""

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, TextColumn

from cli.arguments import JobId, RunId, duration, instant
from cli.output import Json, as_row, console, print_error, print_json, print_line
from cli.progress import progress_bar
from cli.services import configured_services
from worker.models.upload import Upload, UploadState

if TYPE_CHECKING:
    from worker.database.uploads.upload_list import SqlUploadList

#: Seconds between two reads of the row with --wait.
LOOK_EVERY = 0.3


def enqueue(
    job: JobId,
    run: RunId,
    path: Annotated[str, typer.Argument(help="Absolute path of the run's results directory.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Upload again although the run's results have landed.")
    ] = False,
    countdown: Annotated[
        timedelta | None,
        typer.Option(
            parser=duration, metavar="DURATION", help="Begin so much later, as 90s or 1h."
        ),
    ] = None,
    eta: Annotated[
        datetime | None,
        typer.Option(parser=instant, metavar="TIME", help="Begin then, as 2026-01-31T18:00+01:00."),
    ] = None,
    expires: Annotated[
        timedelta | None,
        typer.Option(
            parser=duration,
            metavar="DURATION",
            help="Cancel the upload if no attempt is under way or has succeeded by then.",
        ),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the upload is over.")] = False,
    as_json: Json = False,
) -> None:
    """Request the upload of a run's results: writes the row, then sends the message."""
    from tasks import enqueue as request_upload  # imports Celery, which is slow

    with configured_services(as_json) as services:
        upload = request_upload(
            job,
            run,
            path,
            replace=replace,
            countdown=_seconds(countdown),
            eta=eta,
            expires=_seconds(expires),
        )
        if wait:
            upload = _wait(upload, services.upload_list)
        if upload.is_gone:  # a list of uploads says by whom, and when
            upload = services.upload_list.find(job, run) or upload
    if as_json:
        print_json(as_row(upload))
    else:
        _say(upload)
    if upload.is_gone or (wait and upload.state is not UploadState.LANDED):
        raise typer.Exit(1)


def _seconds(length: timedelta | None) -> float | None:
    return None if length is None else length.total_seconds()


def _wait(upload: Upload, listed: "SqlUploadList") -> Upload:
    told = TextColumn("run {task.fields[run]} {task.fields[state]}")
    with progress_bar(told, BarColumn(), DownloadColumn(binary_units=True)) as progress:
        bar = progress.add_task("", total=None, run=upload.run_id, state=upload.state)
        while not upload.state.is_over:
            time.sleep(LOOK_EVERY)
            upload = listed.find(upload.job_id, upload.run_id) or upload
            progress.update(
                bar, total=upload.bytes_total, completed=upload.bytes_done, state=upload.state
            )
    return upload


def _say(upload: Upload) -> None:
    where = f"job {upload.job_id}, run {upload.run_id}"
    match upload.state:
        case _ if upload.is_gone:
            print_error(
                f"{where}: its results are gone (deleted {upload.deletion}); --replace uploads anew"
            )
        case UploadState.LANDED:
            print_line(f"{where} landed: {upload.results_url}")
        case UploadState.FAILED:
            print_error(upload.error or f"{where} failed")
        case UploadState.CANCELLED:
            print_error(f"{where}: {upload.error}")
        case state:
            console.print(f"{where}: {state}")
