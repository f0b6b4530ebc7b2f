"""`oneprefix cancel`: ends uploads that nobody wants any more."""

import typer

from cli.arguments import JobId, OptionalRunId
from cli.output import Json, as_it_stands, as_row, console, print_error, print_json, print_line
from cli.services import configured_services, require_known
from cli.user import user


def cancel(job: JobId, run: OptionalRunId = None, as_json: Json = False) -> None:
    """Cancel the upload of a run, or all of a job's that are not over; a new request starts anew.

    A worker that is sending stops within a quarter of ONEPREFIX_LEASE_SECONDS.
    """
    with configured_services(as_json) as services:
        require_known(services, job)
        cancelled = services.cancel_uploads.of_job(job, run, who=user())
        standing = None if cancelled or run is None else services.upload_list.find(job, run)
    if as_json:
        print_json({"cancelled": [as_row(upload) for upload in cancelled]})
    else:
        for upload in cancelled:
            print_line(f"job {upload.job_id}, run {upload.run_id}: {upload.error}")
    if run is not None and not cancelled:
        print_error(f"job {job}, run {run}: nothing to cancel: {as_it_stands(standing)}")
        raise typer.Exit(1)
    if not cancelled and not as_json:
        console.print(f"job {job}: nothing to cancel: no upload is waiting or under way")
