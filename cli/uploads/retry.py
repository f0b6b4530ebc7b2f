"""`oneprefix retry`: requests FAILED uploads again, once their cause is fixed."""

from typing import Annotated, Any

import typer

from cli.arguments import OptionalJobId, OptionalRunId
from cli.output import Json, as_it_stands, as_row, console, print_error, print_json
from cli.services import configured_services, require_known
from worker.errors import OneprefixError
from worker.models.upload import UploadState
from worker.use_cases.requests.retry_failed import retry_failed
from worker.wording import counted


def retry(
    job: OptionalJobId = None,
    run: OptionalRunId = None,
    everything: Annotated[bool, typer.Option("--all", help="FAILED uploads of every job.")] = False,
    as_json: Json = False,
) -> None:
    """Request FAILED uploads again: of a run, of a job, or with --all of every job."""
    if (job is None) is not everything:
        raise typer.BadParameter("name a job, or give --all")
    from tasks import enqueue  # imports Celery, which is slow

    with configured_services(as_json) as services:
        require_known(services, job)
        failed = services.upload_list.uploads(job, run, state=UploadState.FAILED)
        asked, refused = retry_failed(failed, enqueue)
        is_needless = run is not None and not failed
        found = services.upload_list.uploads(job, run) if is_needless else []
    if as_json:
        print_json({"retried": [as_row(upload) for upload in asked], "refused": _as_dicts(refused)})
    else:
        for each in refused:
            print_error(str(each))
        verb = "is" if len(asked) == 1 else "are"
        console.print(f"{counted(len(asked), 'upload')} {verb} requested again.")
    if is_needless:
        why = as_it_stands(next(iter(found), None))
        print_error(f"job {job}, run {run}: nothing to retry: {why}")
    if refused or (is_needless and not found):
        raise typer.Exit(1)


def _as_dicts(refused: list[OneprefixError]) -> list[dict[str, Any]]:
    return [{"job_id": each.job_id, "run_id": each.run_id, "error": str(each)} for each in refused]
