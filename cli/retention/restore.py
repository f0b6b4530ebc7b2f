"""`oneprefix restore`: makes artifacts in GLACIER or DEEP_ARCHIVE readable for some days."""

from typing import Annotated

import typer

from cli.arguments import DryRun, JobId, MovedTo
from cli.output import Json, reported
from cli.progress import collected
from cli.retention.outcomes import show
from worker.bootstrap.services import Services
from worker.models.storage_class import RestoreTier
from worker.settings import load_settings
from worker.use_cases.retention.restore import RestoreOrder


def restore(
    job: JobId,
    days: Annotated[int, typer.Option(min=1, help="Days for which the copies stay readable.")],
    tier: Annotated[
        RestoreTier, typer.Option(help="Speed and price of the restore.")
    ] = RestoreTier.STANDARD,
    bucket: MovedTo = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Ask S3 for readable copies of a job's archived artifacts; repeat to see the progress."""
    with reported(as_json):
        restore_job = Services(load_settings()).restore_job(bucket)
        plan = restore_job.plan(job)
        work = restore_job.states(plan) if dry_run else restore_job(plan, RestoreOrder(days, tier))
        outcomes = collected(work, "asking", len(plan))
    show(outcomes, as_json, job_id=job, dry_run=dry_run)
