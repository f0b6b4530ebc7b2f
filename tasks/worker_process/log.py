"""The log of a worker and of the processes beside it: no secret, and nothing a terminal obeys."""

import logging
from copy import copy

from worker.printable import printable
from worker.redaction import redacted


class CleanFormatter(logging.Formatter):
    """Formats as `form` does, once the record's texts are harmless.

    Messages hold paths, ids and errors of strangers. Lines after a record's first are indented, so
    that none is taken for a record of its own.
    """

    def __init__(self, form: logging.Formatter) -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        clean = copy(record)
        clean.msg, clean.args = _clean(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            clean.exc_text = self.formatException(record.exc_info)
        if clean.exc_text:
            clean.exc_text = _clean(clean.exc_text)
        if record.stack_info:
            clean.stack_info = _clean(record.stack_info)
        return self._form.format(clean)


def _clean(text: str) -> str:
    return printable(redacted(text), keep="\n\t").replace("\n", "\n  ")


def log_as(process: str) -> None:
    """Log to standard error, each line with the process's name."""
    form = f"[%(asctime)s: %(levelname)s/{process}] %(message)s"
    logging.basicConfig(level=logging.INFO, format=form, force=True)  # a fork has the worker's
    clean(logging.getLogger())
    quieten()


def clean(logger: logging.Logger) -> None:
    """Have the logger's handlers write harmless texts."""
    for handler in logger.handlers:
        if not isinstance(handler.formatter, CleanFormatter):
            handler.setFormatter(CleanFormatter(handler.formatter or logging.Formatter()))


def quieten() -> None:
    """Drop the lines of libraries that say nothing about uploads, or take a setting for a fault."""
    for name in ("botocore", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("celery.worker.control").addFilter(_is_no_missing_backend)


def _is_no_missing_backend(record: logging.LogRecord) -> bool:
    """False for what Celery says of each revoke where no results are stored."""
    about = record.args[-1] if isinstance(record.args, tuple) and record.args else None
    return not isinstance(about, NotImplementedError)
