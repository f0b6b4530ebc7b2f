"""The task that makes a job's archived artifacts readable."""

from typing import Any

from celery import Task

from tasks.app import app
from tasks.job_tasks.arguments import reading_an_order
from tasks.job_tasks.progress import do_all
from tasks.services import services
from worker.errors import PermanentError, TransientError
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
    """Do what `oneprefix restore` does. `bucket`: where the artifacts were moved to, if at all."""
    with reading_an_order("restore"):
        order = RestoreOrder(positive_id("days", days), RestoreTier(tier))
    restore = services().restore_job(bucket)
    plan = restore.plan(positive_id("job id", job_id))
    do_all(self, restore(plan, order), len(plan))
