"""`oneprefix fetch`: downloads the artifacts of a job or of one run."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, TransferSpeedColumn

from cli.arguments import DryRun, JobId, with_optional_run
from cli.output import Json, console, errors, print_error, print_json, print_line
from cli.progress import above_bar, progress_bar
from cli.services import configured_services
from worker.errors import OneprefixError
from worker.use_cases.job.fetch import Fetched
from worker.use_cases.job.fetch_plan import FetchPlan, PlannedFetch
from worker.wording import counted, human_size


def fetch(
    job: JobId,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN] [DIRECTORY]",
            help="Only this run's artifacts; the directory to download to, created if missing.",
        ),
    ] = None,
    to: Annotated[
        str | None, typer.Option(metavar="DIRECTORY", help="The directory, named as an option.")
    ] = None,
    unpack: Annotated[
        bool, typer.Option("--unpack", help="Also unpack each archive, to a directory of its name.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace files and directories that differ; else they stay."),
    ] = False,
    no_limits: Annotated[
        bool,
        typer.Option("--no-limits", help="Also unpack archives of unusual depth, number or ratio."),
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Download a job's artifacts and verify them. Resumes interrupted downloads."""
    run, directory = _run_and_directory(words or [], to)
    with configured_services(as_json) as services:
        fetch_artifacts = services.fetch_artifacts
        plan = fetch_artifacts.plan(job, run, Path(directory), unpack=unpack)
        if dry_run:
            _show_plan(plan, as_json)
            return
        columns = BarColumn(), DownloadColumn(binary_units=True), TransferSpeedColumn()
        with progress_bar(*columns) as progress:
            bar = progress.add_task("", total=plan.size)
            outcomes = fetch_artifacts(
                plan,
                lambda size: progress.advance(bar, size),
                force=force,
                limited=not no_limits,
            )
            done, failed = _report(outcomes, as_json)
    if as_json:
        print_json({"fetched": done, "failed": failed, "others": plan.others})
    else:
        _remark(plan)
    if failed:
        raise typer.Exit(1)


def _run_and_directory(words: list[str], to: str | None) -> tuple[int | None, str]:
    """Tell the run from the directory; BadParameter where one word could be either."""
    if to is None and len(words) == 1 and words[0].isdecimal():
        [word] = words
        raise typer.BadParameter(
            f"{word} may be the run or the directory: give --to DIRECTORY, or ./{word}"
        )
    named = words if to is None else [*words, to]
    if not named:
        raise typer.BadParameter("give --to DIRECTORY")
    run, (directory,) = with_optional_run(named, least=1, most=1)
    return run, directory


def _report(
    outcomes: Iterable[tuple[PlannedFetch, Fetched | OneprefixError]], as_json: bool
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what was fetched and what failed as rows for JSON; print each for people at once."""
    done: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for planned, outcome in outcomes:
        if isinstance(outcome, OneprefixError):
            told = {"error": str(outcome), "kind": type(outcome).__name__}
            failed.append({"key": planned.key, "file": planned.file} | told)
            print_error(str(outcome))
            continue
        done.append(asdict(planned) | asdict(outcome))
        if not as_json:
            above_bar().print(_line(planned, outcome), soft_wrap=True)
    return done, failed


def _line(planned: PlannedFetch, fetched: Fetched) -> str:
    state = "" if fetched.is_new else ", was there already"
    compared = fetched.compared and f"verified by {escape(fetched.compared)}"
    checked = compared or "[yellow]no CRC-32 is known to compare[/]"
    unpacked = f", unpacked to {escape(str(planned.unpack_to))}" if planned.unpack_to else ""
    return f"{escape(str(planned.file))}  {human_size(planned.size)}  {checked}{state}{unpacked}"


def _show_plan(plan: FetchPlan, as_json: bool) -> None:
    if as_json:
        print_json({"planned": [asdict(each) for each in plan.fetches], "others": plan.others})
        return
    for each in plan.fetches:
        unpack = f", to be unpacked to {each.unpack_to}" if each.unpack_to else ""
        line = f"{each.key}  {human_size(each.size)}  to {each.file}{unpack}"
        print_line(line)
    console.print(f"{counted(len(plan.fetches), 'artifact')}, {human_size(plan.size)}")
    _remark(plan)


def _remark(plan: FetchPlan) -> None:
    if plan.others:
        are = "is no artifact and is" if len(plan.others) == 1 else "are not artifacts and are"
        errors.print(f"{counted(len(plan.others), 'object')} under the prefix {are} not fetched.")
