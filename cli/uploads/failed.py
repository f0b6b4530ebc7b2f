"""`oneprefix failed`: the FAILED uploads and their reasons."""

from textwrap import indent
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cli.arguments import OptionalJobId, OptionalRunId
from cli.output import Json, as_row, console, print_json, print_lines
from cli.services import configured_services, require_known
from worker.models.upload import Upload, UploadState


def failed(
    job: OptionalJobId = None,
    run: OptionalRunId = None,
    with_traceback: Annotated[
        bool, typer.Option("--traceback", help="Show the last traceback of each.")
    ] = False,
    limit: Annotated[
        int, typer.Option(min=1, help="Show at most so many, the latest failures.")
    ] = 1000,
    as_json: Json = False,
) -> None:
    """List FAILED uploads with path, attempts and reason."""
    with configured_services(as_json) as services:
        require_known(services, job)
        found = services.upload_list.uploads(job, run, state=UploadState.FAILED, limit=limit)
    if as_json:
        print_json({"failed": [as_row(upload) for upload in found]})
        return
    console.print(_table(found) if found else "No upload has failed.")
    for upload in found if with_traceback else []:
        console.print()
        console.print(f"[bold]job {upload.job_id}, run {upload.run_id}[/]")
        # indented, so that no line of it is taken for one of ours
        print_lines(indent(upload.traceback or "no traceback", "  "))


def _table(uploads: list[Upload]) -> Table:
    table = Table("job", "run", "attempts", "path", "reason", box=None)
    for upload in uploads:
        table.add_row(
            str(upload.job_id),
            str(upload.run_id),
            str(upload.attempt),
            escape(upload.path),
            escape(upload.reason),
        )
    return table
