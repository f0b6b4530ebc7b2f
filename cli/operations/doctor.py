"""`oneprefix doctor`: checks the surroundings of a worker."""

from dataclasses import asdict

import typer
from rich.markup import escape
from rich.table import Table

from cli.output import Json, console, print_json
from cli.services import configured_services
from worker.doctor.finding import Finding, Health

_COLOURS = {Health.OK: "green", Health.WARNING: "yellow", Health.BROKEN: "red"}


def doctor(as_json: Json = False) -> None:
    """Check everything that a worker needs; exit code 1 if anything is broken."""
    with configured_services(as_json) as services:
        findings = list(services.doctor())
    is_broken = any(each.health is Health.BROKEN for each in findings)
    if as_json:
        print_json({"healthy": not is_broken, "findings": [asdict(each) for each in findings]})
    else:
        console.print(_table(findings))
    if is_broken:
        raise typer.Exit(1)


def _table(findings: list[Finding]) -> Table:
    table = Table("area", "check", "", "found", "what to do", box=None)
    for column in table.columns[-2:]:
        column.overflow = "fold"
    for each in findings:
        health = f"[{_COLOURS[each.health]}]{each.health}[/]"
        table.add_row(each.area, escape(each.name), health, escape(each.found), escape(each.advice))
    return table
