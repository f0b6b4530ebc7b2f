"""`oneprefix up`: a worker, with a broker and a database where none is configured."""

import signal
import sys
import threading
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import typer
from rich.markup import escape

from cli.operations.supervisor import Supervisor
from cli.output import Json, console, print_json, reported

LogLevel = StrEnum("LogLevel", "DEBUG INFO WARNING ERROR CRITICAL")


def up(
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Uploads at a time; one per processor by default.")
    ] = None,
    log_level: Annotated[
        LogLevel, typer.Option(case_sensitive=False, help="Log level of the worker.")
    ] = LogLevel.INFO,
    as_json: Json = False,
) -> None:
    """Run a worker until Ctrl-C, with an embedded Valkey and SQLite where none is configured."""
    from worker.settings import load_settings

    options = [f"--loglevel={log_level.name}"]
    if concurrency:
        options.append(f"--concurrency={concurrency}")

    def say(line: str) -> None:
        if as_json:
            print_json({"event": line})
        else:
            console.print(f"[bold]oneprefix:[/] {escape(line)}")

    # with --json, standard output is JSON alone
    output = sys.stderr.buffer if as_json else None
    with reported(as_json):
        supervisor = Supervisor(load_settings(), say, worker_options=options, output=output)
        stop, hurry = _on_signals(say)
        supervisor.run(stop, hurry)
        say("Stopped.")


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
