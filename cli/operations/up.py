"""`oneprefix up`: a worker, with a broker and a database where none is configured."""

import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from cli.operations.local_s3 import local_s3, told_in
from cli.operations.pages import Page, flower, web
from cli.operations.supervisor import Supervisor
from cli.operations.web import has_extra
from cli.output import Json, console, print_json, print_line, reported
from worker.errors import InvalidSettings
from worker.redaction import redacted

if TYPE_CHECKING:
    from worker.settings import Settings

#: Where uploads are requested by message.
QUEUE = "uploads"
#: The bucket of `--s3 local`.
LOCAL_BUCKET = "oneprefix"
S3 = StrEnum("S3", {"LOCAL": "local"})
LogLevel = StrEnum("LogLevel", "DEBUG INFO WARNING ERROR CRITICAL")


def up(
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Uploads at a time; one per processor by default.")
    ] = None,
    log_level: Annotated[
        LogLevel, typer.Option(case_sensitive=False, help="Log level of the worker.")
    ] = LogLevel.INFO,
    s3: Annotated[
        S3 | None,
        typer.Option(help="`local`: with an S3 server in memory, for trying; it forgets all."),
    ] = None,
    with_web: Annotated[
        bool | None,
        typer.Option("--web/--no-web", help="With `oneprefix web`; by default where it is there."),
    ] = None,
    with_flower: Annotated[
        bool, typer.Option("--flower", help="With Flower, on this machine alone.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run a worker until Ctrl-C, with an embedded Valkey and SQLite where none is configured."""
    from worker.bootstrap.urls import database_url
    from worker.settings import load_settings

    options = [f"--loglevel={log_level.name}"]
    if concurrency:
        options.append(f"--concurrency={concurrency}")

    def say(line: str) -> None:
        if as_json:
            print_json({"event": line})
        else:
            console.print(f"[bold]oneprefix:[/] {escape(line)}", soft_wrap=True)

    # with --json, standard output is JSON alone
    output = sys.stderr.buffer if as_json else None
    with reported(as_json), ExitStack() as stack:
        settings, variables = load_settings(), None
        if s3:
            if settings.s3_bucket:
                raise InvalidSettings("ONEPREFIX_S3_BUCKET is set: unset it, or leave out --s3")
            database_url(settings)  # makes the data directory
            file = settings.data_dir / "local-s3.env"
            stack.enter_context(told_in(file, stack.enter_context(local_s3(LOCAL_BUCKET))))
            settings, variables = load_settings(), file

        wants_web = has_extra() if with_web is None else with_web
        pages = _pages(settings, with_web=wants_web, with_flower=with_flower)

        def tell() -> None:
            for line in what_is_up(settings, variables, pages):
                say(line) if as_json else print_line(f"  {line}")

        supervisor = Supervisor(
            settings, say, worker_options=options, output=output, on_ready=tell, pages=pages
        )
        stop, hurry = _on_signals(say)
        supervisor.run(stop, hurry)
        say("Stopped.")


def _pages(settings: "Settings", *, with_web: bool, with_flower: bool) -> list[Page]:
    return ([web()] if with_web else []) + ([flower(settings)] if with_flower else [])


def what_is_up(settings: "Settings", variables: Path | None, pages: Sequence[Page]) -> list[str]:
    """Say what a worker serves, and what to type next.

    `variables`: the file by which other terminals find the local S3 server.
    """
    from worker.bootstrap.urls import database_url

    root = settings.results_roots[0]
    broker = settings.broker_url.get_secret_value() if settings.broker_url else "embedded Valkey"
    job = "12 4" if settings.database_url else "12 4 --create"
    lines = [
        f"bucket    s3://{settings.s3_bucket}/",
        f"results   {', '.join(map(str, settings.results_roots))}",
        f"database  {redacted(database_url(settings))}",
        f"broker    {redacted(broker)}, queue {QUEUE}",
    ]
    if variables:
        lines.append(f"S3        a server in memory; in other terminals: . {quote(str(variables))}")
    lines += [f"page      {each.name} at {each.url}" for each in pages]
    return [*lines, f"next      oneprefix enqueue {job} {quote(str(root / 'RUN4'))} --wait"]


def _on_signals(say: Callable[[str], None]) -> tuple[threading.Event, threading.Event]:
    stop, hurry = threading.Event(), threading.Event()

    def on_signal(*_: object) -> None:
        if stop.is_set():
            hurry.set()
        else:
            say("Stopping: unfinished uploads are handed back soon; Ctrl-C again does so at once.")
            stop.set()

    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)
    return stop, hurry
