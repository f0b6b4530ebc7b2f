"""`oneprefix db`: the database's schema."""

import typer

from cli.output import Json, console, print_json, reported
from worker.bootstrap.services import Services
from worker.settings import load_settings

app = typer.Typer(help="Manage the database's schema.", no_args_is_help=True)


@app.callback()
def db() -> None:
    """Manage the database's schema."""


@app.command()
def upgrade(as_json: Json = False) -> None:
    """Create or upgrade oneprefix's tables; create `jobs` and `runs` where they don't exist."""
    with reported(as_json):
        Services(load_settings()).upgrade_schema()
        if as_json:
            print_json({"upgraded": True})
        else:
            console.print("The database is up to date.")
