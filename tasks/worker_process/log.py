"""The log of the processes beside a worker, in the form of the worker's own."""

import logging


def log_as(process: str) -> None:
    """Log to standard error, each line with the process's name."""
    form = f"[%(asctime)s: %(levelname)s/{process}] %(message)s"
    logging.basicConfig(level=logging.INFO, format=form)
    quieten()


def quieten() -> None:
    """Drop the INFO lines of libraries, which say nothing about uploads."""
    for name in ("botocore", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
