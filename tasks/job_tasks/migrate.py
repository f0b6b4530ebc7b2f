"""The task that brings a job's scattered artifacts under its prefix."""

import logging
from typing import Any

from celery import Task

from tasks.app import app
from tasks.job_tasks.progress import send_progress
from tasks.services import services
from worker.errors import OneprefixError
from worker.models.validation import positive_id

log = logging.getLogger(__name__)

#: Artifacts between two progress events.
TELL_EVERY = 100


@app.task(name="tasks.migrate_job", bind=True, throws=(OneprefixError,))
def migrate_job(self: "Task[Any, Any]", job_id: int) -> None:
    """Do what `oneprefix migrate JOB --apply` does; sent again, the task resumes.

    Raises the first error at the end if any artifact failed; the log has all errors.
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
            send_progress(self, done, total)
    if failures:
        raise failures[0]
