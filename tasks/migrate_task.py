"""The task that brings a job's scattered artifacts under its prefix."""

import logging
from typing import Any

from celery import Task

from tasks.app import app
from tasks.services import services
from worker.errors import OneprefixError
from worker.models.validation import positive_id

log = logging.getLogger(__name__)

#: Artifacts between two events that tell of progress.
TELL_EVERY = 100


@app.task(name="tasks.migrate_job", bind=True, throws=(OneprefixError,))
def migrate_job(self: "Task[Any, Any]", job_id: int) -> None:
    """As `oneprefix migrate JOB --apply`; sent again, it goes on with what is left.

    FAILURE with the first error if any artifact failed; the log has all.
    """
    migrate = services().migrate_artifacts
    jobs = [positive_id("job id", job_id)]
    total = sum(1 for _ in migrate.find(jobs))
    failures: list[OneprefixError] = []
    for done, (_, outcome) in enumerate(migrate(jobs, apply=True), 1):
        if isinstance(outcome, OneprefixError):
            log.error("%s", outcome)
            failures.append(outcome)
        if done % TELL_EVERY == 0 or done == total:
            self.send_event("task-progress", done=done, total=total)
    if failures:
        raise failures[0]
