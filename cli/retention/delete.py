"""`oneprefix delete`: deletes everything under a job's prefix for good."""

import sys
from dataclasses import asdict
from typing import Annotated, Any

import typer

from cli.arguments import DryRun, MovedTo, Yes, whole_number
from cli.output import Json, errors, print_error, print_json, print_line
from cli.progress import collected
from cli.services import configured_services
from cli.user import user
from worker.errors import InvalidRequest, JobNotFound
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.retention import Deletion
from worker.use_cases.retention.delete import DeleteJob
from worker.use_cases.retention.outcome import Outcome
from worker.wording import counted, human_size


def _prefix(text: str) -> str:
    try:
        return JobS3Prefix.parse(text).folder
    except InvalidRequest as error:
        raise typer.BadParameter(str(error)) from error


def delete(
    job: Annotated[int | None, typer.Argument(help="The job's id.", parser=whole_number)] = None,
    prefix: Annotated[
        str | None,
        typer.Option(
            help="Of a job whose row is gone, such as jobs/12/2025/10/23/211500/.", parser=_prefix
        ),
    ] = None,
    yes: Yes = False,
    bucket: MovedTo = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Delete all objects, versions and incomplete multipart uploads under a job's prefix."""
    if (job is None) is (prefix is None):
        raise typer.BadParameter("name a job, or give --prefix")
    if not (yes or dry_run or sys.stdin.isatty()):
        raise typer.BadParameter("standard input is no terminal to confirm on: give --yes")
    with configured_services(as_json) as services:
        delete_job = services.delete_job(bucket)
        plan = _planned(delete_job, job, prefix)
        if not (yes or dry_run):
            _confirm(plan)
        total = plan.objects + plan.incomplete_uploads
        work = [] if dry_run else delete_job(plan, who=user())
        outcomes = collected(work, "deleting", total)
    failed = [each for each in outcomes if each.error]
    if as_json:
        failures = [{"key": each.key, "error": each.error} for each in failed]
        print_json(_as_dict(plan) | {"dry_run": dry_run, "failures": failures})
    else:
        _say(plan, outcomes, failed, dry_run=dry_run)
    if failed:
        raise typer.Exit(1)


def _planned(delete_job: DeleteJob, job: int | None, prefix: str | None) -> Deletion:
    if job is None:
        return delete_job.plan_prefix(prefix or "")
    try:
        return delete_job.plan(job)
    except JobNotFound as error:
        advice = "what is left of a job without a row is deleted by --prefix"
        raise JobNotFound(f"{error.message}; {advice}", job_id=job) from error


def _as_dict(plan: Deletion) -> dict[str, Any]:
    told = asdict(plan)
    told["open_uploads"] = told.pop("incomplete_uploads")  # its name in JSON from the beginning
    return told


def _confirm(plan: Deletion) -> None:
    print_line(f"This deletes {_told(plan)}, for good.", errors)
    if typer.prompt("Type the job's id to confirm", err=True) != str(plan.job_id):
        print_error("this is not the job's id; nothing was deleted")
        raise typer.Exit(1)


def _say(plan: Deletion, outcomes: list[Outcome], failed: list[Outcome], *, dry_run: bool) -> None:
    for each in failed:
        print_error(each.error or "")
    if dry_run:
        line = f"To be deleted: {_told(plan)}."
    elif failed:
        line = (
            f"{len(outcomes) - len(failed):,} deleted, {len(failed):,} not: run the command again."
        )
    else:
        line = f"Deleted: {_told(plan)}."
    print_line(line)
    for bucket in plan.elsewhere:
        print_line(f"Results lie in s3://{bucket}/ too: see --bucket {bucket}.", errors)


def _told(plan: Deletion) -> str:
    objects = f"{counted(plan.objects, 'object')} ({human_size(plan.bytes)})"
    uploads = counted(plan.incomplete_uploads, "incomplete multipart upload")
    return f"{objects} and {uploads} under s3://{plan.bucket}/{plan.prefix}/"
