"""`oneprefix settings`: the settings in effect."""

from rich.markup import escape
from rich.table import Table

from cli.output import Json, console, print_json, reported
from worker.settings import PREFIX, described, load_settings


def settings(as_json: Json = False) -> None:
    """Show the settings in effect, with secrets masked."""
    with reported(as_json):
        rows = described(load_settings())
        if as_json:
            print_json({PREFIX + row.name.upper(): row.value for row in rows})
            return
        table = Table("setting", "value", "meaning", box=None, header_style="bold")
        for row in rows:
            table.add_row(
                PREFIX + row.name.upper(),
                escape(row.value) if row.value else "[dim]not set[/]",
                row.meaning,
            )
        console.print(table)
