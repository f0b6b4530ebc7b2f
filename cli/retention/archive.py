"""`oneprefix archive`: moves a job's artifacts to a cheaper storage class or another bucket."""

from datetime import timedelta
from typing import Annotated

import typer

from cli.arguments import DryRun, JobId, Yes, duration
from cli.output import Json
from cli.progress import collected
from cli.retention.outcomes import show
from cli.services import configured_services
from worker.models.storage_class import StorageClass
from worker.use_cases.retention.change_storage_class import StorageChange


def _age(text: str) -> timedelta:
    return duration(text, units="hdw", example="12h, 90d or 4w")


def archive(
    job: JobId,
    storage_class: Annotated[
        StorageClass, typer.Option(help="Storage class to move to.")
    ] = StorageClass.GLACIER,
    older_than: Annotated[
        timedelta | None,
        typer.Option(
            parser=_age,
            metavar="AGE",
            help="Only artifacts that landed at least so long ago, such as 12h, 90d or 4w.",
        ),
    ] = None,
    to_bucket: Annotated[
        str | None,
        typer.Option(help="Bucket to move to: copies, verifies, then deletes the source."),
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,  # noqa: ARG001  one convention for all; this command never asks
    as_json: Json = False,
) -> None:
    """Move a job's artifacts to another storage class; those already in it are left alone."""
    order = StorageChange(storage_class, older_than or timedelta(), to_bucket)
    with configured_services(as_json) as services:
        archive_job = services.change_storage_class
        plan = archive_job.plan(job, order)
        outcomes = (
            plan.outcomes()
            if dry_run
            else collected(archive_job(plan), "archiving", len(plan.items))
        )
    show(outcomes, as_json, job_id=job, prefix=plan.prefix, dry_run=dry_run)
