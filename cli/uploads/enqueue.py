"""`oneprefix enqueue`: requests an upload, and waits for it if told to."""

import os
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from cli.arguments import JobId, RunId, duration, instant
from cli.output import INTERRUPTED, Json, as_row, console, print_error, print_json, print_line
from cli.services import configured_services
from cli.uploads.waiting import wait_for
from worker.errors import InvalidRequest
from worker.models.upload import Upload, UploadState

if TYPE_CHECKING:
    from worker.bootstrap.services import Services
    from worker.database.uploads.upload_list import SqlUploadList


def enqueue(
    job: JobId,
    run: RunId,
    path: Annotated[str, typer.Argument(help="The run's results directory, as workers see it.")],
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
    create: Annotated[
        bool,
        typer.Option(
            "--create",
            help="Make job and run, in the database that `oneprefix up` has made.",
        ),
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the upload is over.")] = False,
    timeout: Annotated[
        timedelta | None,
        typer.Option(parser=duration, metavar="DURATION", help="Wait no longer; it goes on."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Request the upload of a run's results: writes the row, then sends the message."""
    from tasks import enqueue as request_upload  # imports Celery, which is slow

    if timeout and not wait:
        raise typer.BadParameter("--timeout needs --wait")
    with configured_services(as_json) as services:
        if create:
            _create(services, job, run)
        upload = request_upload(
            job,
            run,
            _absolute(path),
            replace=replace,
            countdown=_seconds(countdown),
            eta=eta,
            expires=_seconds(expires),
        )
        if wait:
            upload = _waited(upload, services.upload_list, _seconds(timeout))
        if upload.is_gone:  # a list of uploads says by whom, and when
            upload = services.upload_list.find(job, run) or upload
    if as_json:
        print_json(as_row(upload))
    else:
        _say(upload)
    if upload.is_gone or (wait and upload.state is not UploadState.LANDED):
        raise typer.Exit(1)


def _waited(upload: Upload, listed: "SqlUploadList", timeout: float | None) -> Upload:
    watch = f"the upload goes on; watch it with `oneprefix status {upload.job_id} --watch`"
    try:
        found = wait_for(upload, listed, timeout)
    except KeyboardInterrupt:
        print_error(f"{upload.title}: {watch}")
        raise typer.Exit(INTERRUPTED) from None
    if not found.state.is_over:
        print_error(f"{upload.title}: after {timeout:g} s {watch}")
    return found


def _create(services: "Services", job: int, run: int) -> None:
    if services.settings.database_url:
        raise InvalidRequest(
            "--create is for the embedded database; in ONEPREFIX_DATABASE_URL's, your orchestrator"
            f" makes jobs and runs, or `oneprefix job add {job} --runs {run}`"
        )
    services.jobs.add(job, [run])


def _absolute(path: str) -> str:
    """Resolve what a shell would; the rest is refused as it stands."""
    return os.path.abspath(path) if path and not path.startswith("/") else path  # noqa: PTH100


def _seconds(length: timedelta | None) -> float | None:
    return None if length is None else length.total_seconds()


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
