"""`oneprefix status`: where each upload stands."""

import time
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from cli.arguments import OptionalJobId
from cli.output import Json, as_row, console, human_size, print_json, reported
from tasks.services import services
from worker.models.refusal import Refusal
from worker.models.upload import Upload, UploadState

#: Seconds between two looks with --watch.
LOOK_EVERY = 1.0

_COLOURS = {
    UploadState.REQUESTED: "white",
    UploadState.UPLOADING: "cyan",
    UploadState.RETRYING: "yellow",
    UploadState.LANDED: "green",
    UploadState.FAILED: "red",
}


def status(
    job: OptionalJobId = None,
    watch: Annotated[bool, typer.Option("--watch", help="Keep looking until Ctrl-C.")] = False,
    as_json: Json = False,
) -> None:
    """Show where each upload stands, and the messages that were refused."""
    with reported(as_json):
        if not watch:
            _show(job, as_json)
            return
        try:
            _watch(job, as_json)
        except KeyboardInterrupt:
            return


def _look(job: int | None) -> tuple[list[Upload], list[Refusal]]:
    listed = services().upload_list
    return listed.uploads(job), [] if job is not None else listed.refusals()


def _show(job: int | None, as_json: bool) -> None:
    uploads, refusals = _look(job)
    if as_json:
        print_json(
            {
                "uploads": [as_row(upload) for upload in uploads],
                "refused": [
                    {"path": refusal.path, "error": refusal.reason} for refusal in refusals
                ],
            }
        )
    else:
        console.print(table_of(uploads, refusals))


def _watch(job: int | None, as_json: bool) -> None:
    if as_json or not console.is_terminal:
        while True:
            _show(job, as_json)
            time.sleep(LOOK_EVERY)
    with Live(console=console, auto_refresh=False) as live:
        while True:
            live.update(table_of(*_look(job)), refresh=True)
            time.sleep(LOOK_EVERY)


def table_of(uploads: Sequence[Upload], refusals: Sequence[Refusal] = ()) -> RenderableType:
    """The uploads as a table, one row each."""
    if not uploads and not refusals:
        return "No uploads."
    table = Table("job", "run", "state", "done", "archive", "attempt", box=None)
    table.add_column("", overflow="fold")
    for upload in uploads:
        table.add_row(
            str(upload.job_id),
            str(upload.run_id),
            f"[{_COLOURS[upload.state]}]{upload.state}[/]",
            _progress(upload),
            human_size(upload.archive_size),
            str(upload.attempt),
            escape(_remark(upload)),
        )
    refused = [f"[red]refused:[/] {escape(refusal.reason)}" for refusal in refusals]
    return Group(table, *refused)


def _progress(upload: Upload) -> str:
    if upload.bytes_total is None:
        return "-"
    return f"{human_size(upload.bytes_done)} of {human_size(upload.bytes_total)}"


def _remark(upload: Upload) -> str:
    if upload.state is UploadState.LANDED:
        return upload.results_url or ""
    if upload.state is UploadState.UPLOADING:
        return f"on {upload.owner}"
    return upload.error or ""
