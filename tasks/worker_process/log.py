"""The log of a worker and of the processes beside it: no secret, and nothing a terminal obeys."""

import logging
import re
from copy import copy

from tasks.messaging.upload_message import TASK, title_of
from worker.printable import printable
from worker.redaction import redacted

#: How Celery begins a line about a task: its name, or title, and the message's id.
_TASK = re.compile(r"^Task ([^[]*)\[[^]]*\] ")


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
        clean.msg, clean.args = _clean(_titled(record)), None
        if record.exc_info and not record.exc_text:
            clean.exc_text = self.formatException(record.exc_info)
        if clean.exc_text:
            clean.exc_text = _clean(clean.exc_text)
        if record.stack_info:
            clean.stack_info = _clean(record.stack_info)
        return self._form.format(clean)


def _titled(record: logging.LogRecord) -> str:
    """The record's message; Celery's about an upload begin with its job and run."""
    message, told = record.getMessage(), getattr(record, "data", None)
    task = _TASK.match(message)
    if not task:
        return message
    of_message = title_of(told.get("args"), told.get("kwargs")) if isinstance(told, dict) else None
    title = task[1] if task[1].startswith("job ") else task[1] == TASK and of_message
    return f"{title}: {message[task.end() :]}" if title else message


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
