"""`oneprefix inventory`: counts landed results by day and job, in SQL."""

import csv
import sys
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from cli.output import Json, console, print_json
from cli.services import configured_services
from worker.models.inventory import By, Landed
from worker.wording import human_size

DAY = "%Y-%m-%d"
NEVER = datetime(9999, 12, 31, tzinfo=UTC)


def inventory(
    since: Annotated[datetime, typer.Option(formats=[DAY], help="The first day (UTC).")],
    until: Annotated[
        datetime,
        typer.Option(formats=[DAY], show_default="all", help="The day after the last one (UTC)."),
    ] = NEVER,
    by: Annotated[
        By | None, typer.Option(help="Count by day or by job only; by both by default.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: Json = False,
) -> None:
    """Count landed results: runs, artifacts and bytes per day and job."""
    start, end = since.replace(tzinfo=UTC), until.replace(tzinfo=UTC)
    if start >= end:
        raise typer.BadParameter("--until must be after --since")
    if as_csv and as_json:
        raise typer.BadParameter("give --csv or --json, not both")
    with configured_services(as_json) as services:
        found = services.inventory.landed(start, end, by)
    if as_json:
        print_json({"landed": [asdict(each) for each in found], "total": asdict(_total(found))})
    elif as_csv:
        _print_csv(found, by)
    else:
        console.print(_table(found, by))


def _total(found: list[Landed]) -> Landed:
    """Add up all rows; a run lands on one day, so that runs add up too."""
    return Landed(
        day=None,
        job_id=None,
        runs=sum(each.runs for each in found),
        artifacts=sum(each.artifacts for each in found),
        bytes=sum(each.bytes for each in found),
    )


def _columns(by: By | None) -> list[str]:
    hidden = {By.DAY: "job_id", By.JOB: "day"}.get(by) if by else None
    return [each.name for each in fields(Landed) if each.name != hidden]


def _print_csv(found: list[Landed], by: By | None) -> None:
    lines = csv.DictWriter(sys.stdout, _columns(by), extrasaction="ignore", lineterminator="\n")
    lines.writeheader()
    lines.writerows(asdict(each) for each in found)


def _table(found: list[Landed], by: By | None) -> Table:
    columns = _columns(by)
    table = Table(*columns, box=None, show_footer=True)
    for column, total in zip(table.columns, _cells(_total(found), columns), strict=True):
        column.footer = total
        column.justify = "right"
    for each in found:
        table.add_row(*_cells(each, columns))
    return table


def _cells(landed: Landed, columns: list[str]) -> list[str]:
    shown = {
        "day": str(landed.day or ""),
        "job_id": str(landed.job_id or ""),
        "runs": f"{landed.runs:,}",
        "artifacts": f"{landed.artifacts:,}",
        "bytes": human_size(landed.bytes),
    }
    return [shown[column] for column in columns]
