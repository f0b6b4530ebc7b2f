"""`oneprefix db`: the database's schema."""

import typer

from cli.output import Json, console, print_json
from cli.services import configured_services

app = typer.Typer(help="Manage the database's schema.", no_args_is_help=True)


@app.command()
def upgrade(as_json: Json = False) -> None:
    """Create or upgrade oneprefix's tables; create `jobs` and `runs` where they don't exist."""
    with configured_services(as_json) as services:
        services.upgrade_schema()
        if as_json:
            print_json({"upgraded": True})
        else:
            console.print("The database is up to date.")
