"""`oneprefix urls`: presigned URLs that download a job's artifacts without credentials."""

from dataclasses import asdict

from cli.arguments import Expires, JobId, OptionalRunId
from cli.output import Json, errors, print_json, print_line
from cli.services import configured_services
from worker.models.storage_class import NEEDS_RESTORE
from worker.use_cases.job.upload_urls import HOUR
from worker.wording import counted


def urls(
    job: JobId,
    run: OptionalRunId = None,
    expires: Expires = None,
    as_json: Json = False,
) -> None:
    """Print a presigned URL for each of a job's artifacts, one per line."""
    with configured_services(as_json) as services:
        found = services.locate_artifacts(job, run, expires_in=expires or HOUR)
    if as_json:
        print_json({"urls": [asdict(each) for each in found]})
        return
    for each in found:
        print_line(each.url)
    until = f"{found[0].expires_at:%Y-%m-%d %H:%M:%S} UTC"
    errors.print(f"{counted(len(found), 'URL')}, valid until {until}.")
    archived = sum(each.storage_class in NEEDS_RESTORE for each in found)
    if archived:
        errors.print(f"{archived:,} of the objects must be restored before their URLs answer.")
