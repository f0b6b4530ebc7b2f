"""The task that makes a job's archived artifacts readable."""

from typing import Any

from celery import Task

from tasks.app import app
from tasks.progress import exhaust
from tasks.services import services
from worker.errors import InvalidRequest, PermanentError, TransientError
from worker.models.storage_class import RestoreTier
from worker.models.validation import positive_id
from worker.use_cases.retention.restore import RestoreOrder


@app.task(
    name="tasks.restore_job",
    bind=True,
    throws=(PermanentError,),
    autoretry_for=(TransientError,),
    default_retry_delay=30,
)
def restore_job(
    self: "Task[Any, Any]",
    job_id: int,
    days: int,
    tier: str = RestoreTier.STANDARD,
    bucket: str | None = None,
) -> None:
    try:
        order = RestoreOrder(positive_id("days", days), RestoreTier(tier))
    except ValueError as error:
        raise InvalidRequest(f"this is no order to restore: {error}") from error
    restore = services().restore_job(bucket)
    plan = restore.plan(positive_id("job id", job_id))
    exhaust(self, restore(plan, order), len(plan))
