"""`oneprefix settings`: the settings in effect."""

from rich.markup import escape
from rich.table import Table

from cli.output import Json, console, print_json, reported


def settings(as_json: Json = False) -> None:
    """Show the settings in effect, with secrets masked."""
    from worker.settings import described, load_settings

    with reported(as_json):
        rows = described(load_settings())
        if as_json:
            print_json({variable: value for variable, value, _ in rows})
            return
        table = Table("setting", "value", "meaning", box=None, header_style="bold")
        for variable, value, meaning in rows:
            table.add_row(variable, escape(value) if value else "[dim]not set[/]", meaning)
        console.print(table)
