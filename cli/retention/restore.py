"""`oneprefix restore`: makes artifacts in GLACIER or DEEP_ARCHIVE readable for some days."""

from typing import Annotated

import typer

from cli.arguments import DryRun, JobId, MovedTo, Yes
from cli.output import Json
from cli.progress import collected
from cli.retention.outcomes import show
from cli.services import configured_services
from worker.models.storage_class import RestoreTier


def restore(
    job: JobId,
    days: Annotated[int, typer.Option(min=1, help="Days for which the copies stay readable.")],
    tier: Annotated[
        RestoreTier, typer.Option(help="Speed and price of the restore.")
    ] = RestoreTier.STANDARD,
    bucket: MovedTo = None,
    dry_run: DryRun = False,
    yes: Yes = False,  # noqa: ARG001  one convention for all; this command never asks
    as_json: Json = False,
) -> None:
    """Ask S3 for readable copies of a job's archived artifacts; repeat to see the progress."""
    with configured_services(as_json) as services:
        restore_job = services.restore_job(bucket)
        plan = restore_job.plan(job)
        work = restore_job.states(plan) if dry_run else restore_job(plan, days, tier)
        outcomes = collected(work, "asking", len(plan))
    show(outcomes, as_json, job_id=job, dry_run=dry_run)
