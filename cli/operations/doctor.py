"""`oneprefix doctor`: checks the surroundings of a worker."""

from collections import Counter
from dataclasses import asdict

import typer
from rich.markup import escape
from rich.table import Table

from cli.output import Json, console, print_json
from cli.services import configured_services
from worker.doctor.finding import Finding, Health
from worker.errors import OneprefixError
from worker.wording import counted

_COLOURS = {Health.OK: "green", Health.WARNING: "yellow", Health.BROKEN: "red"}


def doctor(as_json: Json = False) -> None:
    """Check everything that a worker needs; exit code 1 if anything is broken."""
    with configured_services(as_json) as services:
        findings = list(services.doctor())
        findings += _workers(findings)
    is_broken = any(each.health is Health.BROKEN for each in findings)
    if as_json:
        print_json({"healthy": not is_broken, "findings": [asdict(each) for each in findings]})
    else:
        console.print(_table(findings))
        console.print(_summary(findings))
    if is_broken:
        raise typer.Exit(1)


def _workers(findings: list[Finding]) -> list[Finding]:
    """Say which workers are alive, if the broker can be asked."""
    from tasks.app import app
    from tasks.messaging.live_workers import live_workers

    if any(each.area == "broker" and each.health is Health.BROKEN for each in findings):
        return []
    try:
        names = [each.name for each in live_workers(app)]
    except OneprefixError as error:
        return [Finding("workers", "alive", Health.WARNING, str(error), "see `oneprefix workers`")]
    if not names:
        advice = "start one: `oneprefix up`, or `celery -A tasks worker`"
        return [Finding("workers", "alive", Health.WARNING, "none answers", advice)]
    found = f"{counted(len(names), 'worker')}: {', '.join(names)}"
    return [Finding("workers", "alive", Health.OK, found, "")]


def _summary(findings: list[Finding]) -> str:
    count = Counter(each.health for each in findings)
    told = [f"{count[health]} {health}" for health in Health if count[health]]
    verdict = "A worker can work here" if not count[Health.BROKEN] else "No worker can work here"
    return f"\n{verdict}: {', '.join(told)} of {counted(len(findings), 'check')}."


def _table(findings: list[Finding]) -> Table:
    table = Table("area", "check", "", "found", "what to do", box=None)
    for column in table.columns[-2:]:
        column.overflow = "fold"
    for each in findings:
        health = f"[{_COLOURS[each.health]}]{each.health}[/]"
        table.add_row(each.area, escape(each.name), health, escape(each.found), escape(each.advice))
    return table
