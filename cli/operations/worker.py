"""`oneprefix worker`: runs one worker, as `celery -A tasks worker` does in a checkout."""

import os
import sys

import typer


def worker(context: typer.Context) -> None:
    """Run a worker; takes the options of `celery worker`, such as --concurrency=4.

    Whatever lies in the current directory, its modules are never taken for the worker's own.
    """
    command = [sys.executable, "-P", "-m", "tasks.worker", *context.args]
    os.execv(sys.executable, command)  # noqa: S606  the command is ours
