"""`oneprefix doctor`: checks the surroundings of a worker."""

from collections import Counter
from dataclasses import asdict

import typer
from rich.markup import escape
from rich.table import Table

from cli.output import Json, console, print_json, print_line
from cli.services import configured_services
from worker.doctor.finding import Finding, Health
from worker.errors import OneprefixError
from worker.wording import counted

_COLOURS = {Health.OK: "green", Health.WARNING: "yellow", Health.BROKEN: "red"}


def doctor(as_json: Json = False) -> None:
    """Check everything that a worker needs; exit code 1 if anything is broken."""
    with configured_services(as_json) as services:
        findings = list(services.doctor())
        workers = _workers(findings)
    is_broken = any(each.health is Health.BROKEN for each in findings)
    if as_json:
        shown = [asdict(each) for each in findings]
        print_json({"healthy": not is_broken, "findings": shown, "workers": workers})
    else:
        console.print(_table(findings))
        console.print()
        for line in _summary(findings, workers):
            print_line(line)
    if is_broken:
        raise typer.Exit(1)


def _workers(findings: list[Finding]) -> list[str] | None:
    """Return the names of the workers that answer; None if the broker can't be asked."""
    from tasks.app import app
    from tasks.messaging.live_workers import live_workers

    if any(each.area == "broker" and each.health is Health.BROKEN for each in findings):
        return None
    try:
        return [each.name for each in live_workers(app)]
    except OneprefixError:
        return None


def _summary(findings: list[Finding], workers: list[str] | None) -> list[str]:
    count = Counter(each.health for each in findings)
    told = ", ".join(f"{count[health]} {health}" for health in Health if count[health])
    can = "No worker can work here" if count[Health.BROKEN] else "A worker can work here"
    lines = [f"{can}. Of {counted(len(findings), 'check')}: {told}."]
    match workers:
        case None:
            return lines
        case []:
            return [*lines, "No worker answers: `oneprefix up`, or `celery -A tasks worker`."]
        case _:
            return [*lines, f"{counted(len(workers), 'worker')} alive: {', '.join(workers)}."]


def _table(findings: list[Finding]) -> Table:
    table = Table("area", "check", "", "found", "what to do", box=None)
    for column in table.columns[-2:]:
        column.overflow = "fold"
    for each in findings:
        health = f"[{_COLOURS[each.health]}]{each.health}[/]"
        table.add_row(each.area, escape(each.name), health, escape(each.found), escape(each.advice))
    return table
