"""Shows the outcome of a bulk operation, object by object."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import typer
from rich.markup import escape
from rich.table import Table

from cli.output import console, print_error, print_json, print_line
from worker.use_cases.retention.outcome import Outcome
from worker.wording import human_size


def show(outcomes: Iterable[Outcome], as_json: bool, **about: Any) -> None:
    """Print outcomes by key and a count per state; exit with 1 if any failed. `about` is JSON's."""
    found = sorted(outcomes, key=lambda each: each.key)
    failed = [each for each in found if each.error]
    if as_json:
        print_json(about | {"objects": [asdict(each) for each in found], "failed": len(failed)})
    else:
        _print(found, failed)
    if failed:
        raise typer.Exit(1)


def _print(found: list[Outcome], failed: list[Outcome]) -> None:
    table = Table("object", "size", "state", box=None)
    table.columns[0].overflow = "fold"
    for each in found:
        table.add_row(escape(each.key), human_size(each.size), escape(each.state))
    console.print(table if found else "No object lies under the job's prefix.")
    for each in failed:
        print_error(each.error or "")
    counts = Counter(each.state for each in found)
    if counts:
        told = ", ".join(f"{count:,} {state}" for state, count in counts.most_common())
        print_line(told)
