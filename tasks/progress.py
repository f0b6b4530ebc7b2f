"""Tells Flower and whoever listens how far a bulk operation is."""

from collections.abc import Iterable
from time import monotonic
from typing import Any

from celery import Task

from worker.errors import PartlyFailed
from worker.use_cases.retention.outcome import Outcome

#: Seconds between two events of a task.
EVERY = 1.0


def exhaust(task: "Task[Any, Any]", outcomes: Iterable[Outcome], total: int) -> None:
    """Do all of it; PartlyFailed at the end if any of it failed."""
    failed: list[Outcome] = []
    done, told_at = 0, monotonic()
    for done, each in enumerate(outcomes, start=1):
        failed += [each] if each.error else []
        if monotonic() - told_at >= EVERY:
            task.send_event("task-progress", done=done, total=total)
            told_at = monotonic()
    task.send_event("task-progress", done=done, total=total)
    if failed:
        raise PartlyFailed(f"{len(failed):,} of {done:,} objects failed: {failed[0].error}")
