"""The `oneprefix` command and its subcommands."""

import atexit
import errno
import gc
import os
import sys
import traceback
from contextlib import suppress
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cli.artifacts import cat, contents, fetch, ls, put, urls, verify
from cli.demo import demo
from cli.operations import (
    database,
    doctor,
    inventory,
    job,
    metrics,
    migrate,
    orders,
    settings,
    up,
    web,
    worker,
    workers,
)
from cli.output import INTERRUPTED, errors, print_error, print_line, print_lines
from cli.retention import archive, delete, deletions, lifecycle, restore
from cli.uploads import cancel, enqueue, failed, retry, status
from worker.errors import InvalidSettings
from worker.redaction import redacted

#: What a write to a file, or a device, fails with; a path has been translated before.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)

#: Commands that go on from where they were cut off.
GO_ON = ("fetch", "archive", "restore", "delete", "migrate", "verify")


class Commands(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        """Run the command; after Ctrl-C say in one line what goes on, and what does not."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            told = "what workers do goes on: `oneprefix status`"
            if ctx.invoked_subcommand in GO_ON:
                told = "what was done stays; give the same command again to go on"
            print_error(f"interrupted; {told}")
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    name="oneprefix",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(demo.demo)
app.command()(up.up)
app.command()(web.web)
app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)(worker.worker)
app.command()(enqueue.enqueue)
app.command()(status.status)
app.command()(ls.ls)
app.command()(verify.verify)
app.command()(workers.workers)
app.command()(doctor.doctor)
app.command()(put.put)
app.command()(urls.urls)
app.command()(fetch.fetch)
app.command()(contents.contents)
app.command()(cat.cat)
app.command()(archive.archive)
app.command()(restore.restore)
app.command()(delete.delete)
app.command()(deletions.deletions)
app.command()(failed.failed)
app.command()(retry.retry)
app.command()(cancel.cancel)
app.command()(migrate.migrate)
app.command()(inventory.inventory)
app.command()(metrics.metrics)
app.command(name="settings")(settings.settings)
app.add_typer(job.app, name="job")
app.add_typer(lifecycle.app, name="lifecycle")
app.add_typer(orders.app, name="orders")
app.add_typer(database.app, name="db")


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        print_line(f"oneprefix {version('oneprefix')}")
        raise typer.Exit


@app.callback()
def begin(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Every artifact of a simulation job lands under one S3 prefix."""
    from worker.settings import unknown_variables

    with suppress(InvalidSettings, UnicodeDecodeError):  # which the command reports
        for line in unknown_variables():
            print_error(line)


def main() -> None:
    """Run the command of `sys.argv` and exit with its code."""
    # without this Python spends 45 ms at its end on looking through botocore's objects
    atexit.register(gc.freeze)
    try:
        app()
    except Exception as error:  # noqa: BLE001
        if isinstance(error, OSError) and error.errno in FULL:
            print_error(f"the output can't be written: {error.strerror}")
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for Python's own end
        else:  # a defect of ours: its text may hold a secret or an escape
            print_lines(redacted(traceback.format_exc()), errors)
        sys.exit(1)
