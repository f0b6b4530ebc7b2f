"""`oneprefix deletions`: what was deleted, when and by whom."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cli.arguments import OptionalJobId
from cli.output import Json, console, print_json
from cli.services import configured_services
from worker.models.retention import DeletionRecord
from worker.wording import counted, human_size


def deletions(
    job: OptionalJobId = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many, the latest.")] = 100,
    as_json: Json = False,
) -> None:
    """Show the record of deletions: when each began, who asked, what became of it."""
    with configured_services(as_json) as services:
        found = services.deletions.records(job, limit=limit)
    if as_json:
        print_json({"deletions": [asdict(each) for each in found]})
    else:
        console.print(_table(found) if found else "Nothing was deleted.")


def _table(found: list[DeletionRecord]) -> Table:
    table = Table("job", "began", "by", "objects", "size", "outcome", "prefix", box=None)
    table.columns[-1].overflow = "fold"
    for each in found:
        table.add_row(
            str(each.job_id),
            f"{each.begun_at:%Y-%m-%d %H:%M:%S} UTC",
            escape(each.who),
            f"{each.objects:,}",
            human_size(each.bytes),
            _outcome(each),
            escape(f"s3://{each.bucket}/{each.prefix}"),
        )
    return table


def _outcome(record: DeletionRecord) -> str:
    if record.finished_at is None:
        return "[yellow]not finished[/]"
    if record.failures:
        return f"[red]{counted(record.failures, 'object')} left[/]"
    return "[green]done[/]"
