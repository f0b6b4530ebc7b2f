"""The task that moves a job's artifacts to another storage class or bucket."""

from datetime import timedelta
from typing import Any

from celery import Task

from tasks.app import app
from tasks.job_tasks.arguments import reading_an_order
from tasks.job_tasks.progress import do_all
from tasks.services import services
from worker.errors import PermanentError, TransientError
from worker.models.storage_class import StorageClass
from worker.models.validation import positive_id
from worker.use_cases.retention.change_storage_class import StorageChange


@app.task(
    name="tasks.archive_job",
    bind=True,
    throws=(PermanentError,),
    autoretry_for=(TransientError,),
    default_retry_delay=30,
)
def archive_job(
    self: "Task[Any, Any]",
    job_id: int,
    storage_class: str = StorageClass.GLACIER,
    older_than_days: float = 0,
    to_bucket: str | None = None,
) -> None:
    """Do what `oneprefix archive` does, for artifacts that landed `older_than_days` ago."""
    with reading_an_order("archive"):
        change = StorageChange(
            StorageClass(storage_class), timedelta(days=older_than_days), to_bucket
        )
    archive = services().change_storage_class
    plan = archive.plan(positive_id("job id", job_id), change)
    do_all(self, archive(plan), len(plan.items))
