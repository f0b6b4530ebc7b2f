"""Run a worker as `celery -A tasks worker` does, whatever lies in the current directory."""

import sys
from typing import Any

from celery.bin.celery import celery

from tasks.app import app


def main(arguments: list[str]) -> None:
    run("worker", arguments)


def run(command: str, arguments: list[str]) -> None:
    """End with `celery`'s exit code, after one line for what it can't start with."""
    commands: Any = celery  # its stub lacks the parameters
    commands.params[0].default = app
    commands.main([command, *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
