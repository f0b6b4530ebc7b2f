"""`oneprefix verify`: compares a job's results in S3 with what was recorded."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from cli.arguments import DryRun, JobId, OptionalRunId
from cli.output import Json, console, print_json
from cli.progress import counting
from cli.services import configured_services
from worker.use_cases.job.verification import Verdict, Verification, VerificationPlan
from worker.use_cases.job.verify import VerifyJob
from worker.wording import counted, human_size

#: Counted, but not listed one by one.
_QUIET = (Verdict.VERIFIED, Verdict.SIZE_ONLY, Verdict.UNRECORDED)


def verify(
    job: JobId,
    run: OptionalRunId = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every byte, and check the CRC-32 of every file.")
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Compare a job's landed results with S3's own checksums; exit code 1 if any differs."""
    with configured_services(as_json) as services:
        plan = services.verify_job.plan(job, run)
        verification = None if dry_run else _verified(services.verify_job, plan, deep)
    if verification is None:
        _say_plan(plan, deep, as_json)
        return
    if as_json:
        print_json(_as_dict(verification))
    else:
        _say(verification)
    if not verification.is_right:
        raise typer.Exit(1)


def _verified(verify_job: VerifyJob, plan: VerificationPlan, deep: bool) -> Verification:
    with counting() as progress:
        bar = progress.add_task("reading" if deep else "looking", total=len(plan.landed))
        return verify_job(
            plan,
            deep=deep,
            progress=lambda done, _total: progress.update(bar, completed=done),
        )


def _say_plan(plan: VerificationPlan, deep: bool, as_json: bool) -> None:
    size = plan.size if deep else 0
    if as_json:
        keys = [plan.prefix.run_results_key(upload.run_id) for upload in plan.landed]
        print_json({"job_id": plan.prefix.job_id, "keys": keys, "bytes_to_read": size})
        return
    console.print(
        f"{counted(len(plan.landed), 'object')} would be checked, {human_size(size)} read."
    )


def _as_dict(verification: Verification) -> dict[str, Any]:
    return {
        "job_id": verification.prefix.job_id,
        "prefix": verification.prefix.base_prefix,
        "is_right": verification.is_right,
        "counts": verification.counts,
        "judged": [
            asdict(each) | {"is_right": each.verdict.is_right} for each in verification.judged
        ],
    }


def _say(verification: Verification) -> None:
    told = [each for each in verification.judged if each.verdict not in _QUIET]
    if told:
        table = Table("run", "object", "verdict", "", box=None)
        table.columns[-1].overflow = "fold"
        for each in told:
            colour = "yellow" if each.verdict.is_right else "red"
            name = each.key.removeprefix(verification.prefix.base_prefix + "/")
            table.add_row(
                str(each.run_id or ""),
                escape(name),
                f"[{colour}]{each.verdict}[/]",
                escape(each.detail),
            )
        console.print(table)
    counted = ", ".join(f"{count:,} {verdict}" for verdict, count in verification.counts.items())
    console.print(counted or "Nothing to verify.")
