"""Do a bulk operation to its end, and tell Flower and other listeners how far it is."""

from collections.abc import Iterable
from time import monotonic
from typing import Any

from celery import Task

from worker.errors import PartlyFailed
from worker.use_cases.retention.outcome import Outcome

#: Seconds between two events of a bulk operation.
EVERY = 1.0


def send_progress(task: "Task[Any, Any]", done: int, total: int) -> None:
    task.send_event("task-progress", done=done, total=total)


def do_all(task: "Task[Any, Any]", outcomes: Iterable[Outcome], total: int) -> None:
    """Exhaust the outcomes, each of which does its part of the work, whatever fails.

    Sends an event every second and one at the end. Raises PartlyFailed at the end if any failed.
    """
    failed: list[Outcome] = []
    done, told_at = 0, monotonic()
    for done, outcome in enumerate(outcomes, start=1):
        if outcome.error:
            failed.append(outcome)
        if monotonic() - told_at >= EVERY:
            send_progress(task, done, total)
            told_at = monotonic()
    send_progress(task, done, total)
    if failed:
        raise PartlyFailed(f"{len(failed):,} of {done:,} objects failed: {failed[0].error}")
