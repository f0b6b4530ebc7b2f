"""The `oneprefix` command and its subcommands."""

import atexit
import gc
import sys
import traceback

import typer

from cli.artifacts import cat, contents, fetch, ls, put, urls, verify
from cli.demo import demo
from cli.operations import database, doctor, inventory, migrate, orders, settings, up, worker
from cli.output import errors, print_lines
from cli.retention import archive, delete, lifecycle, restore
from cli.uploads import cancel, enqueue, failed, retry, status
from worker.redaction import redacted

app = typer.Typer(
    name="oneprefix",
    help="Every artifact of a simulation job lands under one S3 prefix.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(demo.demo)
app.command()(up.up)
app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)(worker.worker)
app.command()(enqueue.enqueue)
app.command()(status.status)
app.command()(ls.ls)
app.command()(verify.verify)
app.command()(doctor.doctor)
app.command()(put.put)
app.command()(urls.urls)
app.command()(fetch.fetch)
app.command()(contents.contents)
app.command()(cat.cat)
app.command()(archive.archive)
app.command()(restore.restore)
app.command()(delete.delete)
app.command()(failed.failed)
app.command()(retry.retry)
app.command()(cancel.cancel)
app.command()(migrate.migrate)
app.command()(inventory.inventory)
app.command(name="settings")(settings.settings)
app.add_typer(lifecycle.app, name="lifecycle")
app.add_typer(orders.app, name="orders")
app.add_typer(database.app, name="db")


def main() -> None:
    """Run the command of `sys.argv` and exit with its code."""
    # without this Python spends 45 ms at its end on looking through botocore's objects
    atexit.register(gc.freeze)
    try:
        app()
    except Exception:  # noqa: BLE001  a defect of ours: its text may hold a secret or an escape
        print_lines(redacted(traceback.format_exc()), errors)
        sys.exit(1)
