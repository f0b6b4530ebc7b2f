"""`oneprefix retry`: asks anew for uploads that have failed, once their cause is mended."""

from typing import Annotated, Any

import typer

from cli.arguments import OptionalJobId, OptionalRunId
from cli.output import Json, as_row, console, print_error, print_json, reported
from worker.bootstrap.services import Services
from worker.errors import OneprefixError
from worker.models.upload import Upload, UploadState
from worker.settings import load_settings


def retry(
    job: OptionalJobId = None,
    run: OptionalRunId = None,
    everything: Annotated[bool, typer.Option("--all", help="Of every job.")] = False,
    as_json: Json = False,
) -> None:
    """Bring FAILED uploads back: a run's, a job's, or with --all every one."""
    if (job is None) is not everything:
        raise typer.BadParameter("name a job, or give --all")
    with reported(as_json):
        listed = Services(load_settings()).upload_list
        found = listed.uploads(job, run, state=UploadState.FAILED)
        asked, refused = _asked_for_again(found)
    if as_json:
        print_json({"retried": [as_row(upload) for upload in asked], "refused": refused})
    else:
        for each in refused:
            print_error(each["error"])
        console.print(f"{len(asked):,} uploads are asked for again.", highlight=False)
    if refused:
        raise typer.Exit(1)


def _asked_for_again(uploads: list[Upload]) -> tuple[list[Upload], list[dict[str, Any]]]:
    """What became of each; one that can't be asked for does not keep the others from it."""
    from tasks import enqueue  # Celery, which the other commands don't wait for

    asked: list[Upload] = []
    refused: list[dict[str, Any]] = []
    for each in uploads:
        replaces = each.landed_at is not None  # it failed to replace what had landed
        try:
            asked.append(enqueue(each.job_id, each.run_id, each.path, replace=replaces))
        except OneprefixError as error:
            error.concerning(job_id=each.job_id, run_id=each.run_id)
            refused.append({"job_id": each.job_id, "run_id": each.run_id, "error": str(error)})
    return asked, refused
