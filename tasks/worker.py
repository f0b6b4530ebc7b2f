"""Run a worker as `celery -A tasks worker` does, whatever lies in the current directory."""

import sys
from typing import Any

from celery.bin.celery import celery

from tasks.app import app


def main(arguments: list[str]) -> None:
    run("worker", arguments)


def run(command: str, arguments: list[str]) -> None:
    """End with `celery`'s exit code, after one line for what it can't start with.

    If the first argument is --quiet, Celery's banner is left out.
    """
    quiet = [each for each in arguments[:1] if each == "--quiet"]
    commands: Any = celery  # its stub lacks the parameters
    commands.params[0].default = app
    commands.main([*quiet, command, *arguments[len(quiet) :]])


if __name__ == "__main__":
    main(sys.argv[1:])
