"""How Flower shows uploads: by job and run, with where they landed or why they did not.

A `shadow` in the messages would give Flower as many names of tasks as there are uploads, for each
of which it keeps its metrics for ever: 8.5 KiB an upload.
"""

import sys
from typing import Any

from celery.signals import import_modules

from tasks.messaging.upload_message import TASK, title_of

#: Flower's default, and ours.
THEIR_COLUMNS = "name,uuid,state,received,runtime,worker"
COLUMNS = "name,args,state,received,started,runtime,worker,exception"


@import_modules.connect
def show_uploads(**_: Any) -> None:
    """Set what Flower's own options leave at their defaults; Celery loads Flower where it is."""
    if "flower.options" not in sys.modules:
        return
    from tornado.options import options  # noqa: PLC0415  Flower brings it

    if options.format_task is None:
        options.format_task = formatted
    if options.tasks_columns == THEIR_COLUMNS:
        options.tasks_columns = COLUMNS


def formatted(task: Any) -> Any:
    """Return a task as Flower shows it, from a copy of the one that it keeps."""
    if task.name == TASK:
        task.name = title_of(task.args, task.kwargs) or task.name
    task.result = _unquoted(task.result)
    task.exception = _reason(task.exception)
    return task


def _unquoted(shown: Any) -> Any:
    """Return the text whose representation it is."""
    return shown[1:-1] if isinstance(shown, str) and shown[:1] in "'\"" else shown


def _reason(shown: Any) -> Any:
    """Return the text of an exception, whose representation it is: `StorageRefused('…')`."""
    if not isinstance(shown, str):
        return shown
    name, bracket, rest = shown.partition("(")
    return _unquoted(rest.removesuffix(")")) if bracket and name.isidentifier() else shown
