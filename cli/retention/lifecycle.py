"""`oneprefix lifecycle`: the bucket's rules for artifacts as they grow old."""

import sys
from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cli.arguments import DryRun, Yes
from cli.output import Json, console, errors, print_json, print_line
from cli.services import configured_services
from worker.errors import InvalidRequest
from worker.models.lifecycle import LifecycleRule, aborts_incomplete_uploads, our_rules
from worker.models.storage_class import StorageClass
from worker.wording import counted

app = typer.Typer(
    help="Show or replace the bucket's lifecycle rules for artifacts.", no_args_is_help=True
)


@app.command()
def show(as_json: Json = False) -> None:
    """Show the bucket's lifecycle rules, and which are oneprefix's own."""
    with configured_services(as_json) as services:
        rules = services.lifecycle.lifecycle_rules()
    _print(rules, as_json)


@app.command()
def apply(
    transition_days: Annotated[
        int | None,
        typer.Option(min=0, help="Move artifacts to another storage class after so many days."),
    ] = None,
    storage_class: Annotated[
        StorageClass | None, typer.Option(help="That class; GLACIER by default.")
    ] = None,
    expire_days: Annotated[
        int | None, typer.Option(min=1, help="Delete artifacts after so many days.")
    ] = None,
    abort_days: Annotated[
        int, typer.Option(min=1, help="Abort incomplete multipart uploads after so many days.")
    ] = 1,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Replace oneprefix's own rules; leave all others untouched. Asks first on a terminal."""
    if storage_class and transition_days is None:
        raise typer.BadParameter("--storage-class needs --transition-days")
    to = storage_class or StorageClass.GLACIER
    try:
        ours = our_rules(
            transition=None if transition_days is None else (transition_days, to),
            expire_days=expire_days,
            abort_days=abort_days,
        )
    except InvalidRequest as error:
        raise typer.BadParameter(str(error)) from error
    with configured_services(as_json) as services:
        lifecycle = services.lifecycle
        rules = lifecycle.planned(ours)
        if not dry_run:
            if sys.stdin.isatty() and not yes:
                _confirm(lifecycle.lifecycle_rules(), rules)
            rules = lifecycle.apply(ours)
    _print(rules, as_json)
    if dry_run and not as_json:
        errors.print("These would be the rules; nothing was changed.")


def _confirm(before: list[LifecycleRule], after: list[LifecycleRule]) -> None:
    """Show what changes; Exit unless it is wanted."""
    changes = [("-", each) for each in before if each not in after]
    changes += [("+", each) for each in after if each not in before]
    for sign, rule in changes:
        told = f"{rule.id or '-'}: for {rule.prefix or 'everything'}, {_told(rule)}"
        print_line(f"{sign} {told}", errors)
    if not changes:
        print_line("Nothing would change.", errors)
    if not typer.confirm("Replace the rules?", err=True):
        raise typer.Exit(1)


def _print(rules: list[LifecycleRule], as_json: bool) -> None:
    aborts = aborts_incomplete_uploads(rules)
    if as_json:
        shown = [asdict(rule) | {"is_ours": rule.is_ours} for rule in rules]
        print_json({"rules": shown, "aborts_incomplete_uploads": aborts})
        return
    console.print(_table(rules) if rules else "The bucket has no lifecycle rules.")
    if not aborts:
        errors.print(
            "[yellow]warning:[/] nothing aborts incomplete multipart uploads under jobs/, whose"
            " parts cost money: `oneprefix lifecycle apply`",
            soft_wrap=True,
        )


def _table(rules: Iterable[LifecycleRule]) -> Table:
    table = Table("rule", "whose", "for", "does", box=None)
    for rule in rules:
        table.add_row(
            escape(rule.id or "-"),
            "ours" if rule.is_ours else "others'",
            "a filter" if rule.prefix is None else escape(rule.prefix or "everything"),
            escape(_told(rule)),
        )
    return table


def _told(rule: LifecycleRule) -> str:
    told = [f"to {to} after {counted(days, 'day')}" for days, to in rule.transitions]
    if rule.expire_days is not None:
        told.append(f"deletes after {counted(rule.expire_days, 'day')}")
    if rule.abort_days is not None:
        told.append(f"aborts incomplete uploads after {counted(rule.abort_days, 'day')}")
    return ", ".join([*told, *rule.more]) + ("" if rule.is_enabled else " (disabled)")
