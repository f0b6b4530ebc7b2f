"""The tasks that archive, restore and delete a job's artifacts."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from celery import Task

from tasks.app import app
from tasks.job_tasks.progress import do_all
from tasks.services import services
from worker.errors import InvalidRequest, PermanentError, TransientError
from worker.models.storage_class import RestoreTier, StorageClass
from worker.models.validation import positive_id
from worker.use_cases.retention.change_storage_class import StorageChange

_RETRIED: dict[str, Any] = {
    "bind": True,
    "throws": (PermanentError,),
    "autoretry_for": (TransientError,),
    "default_retry_delay": 30,
}


@app.task(name="tasks.archive_job", **_RETRIED)
def archive_job(
    self: "Task[Any, Any]",
    job_id: int,
    storage_class: str = StorageClass.GLACIER,
    older_than_days: float = 0,
    to_bucket: str | None = None,
) -> None:
    """Do what `oneprefix archive` does, for artifacts that landed `older_than_days` ago."""
    with _reading_an_order("archive"):
        change = StorageChange(
            StorageClass(storage_class), timedelta(days=older_than_days), to_bucket
        )
    archive = services().change_storage_class
    plan = archive.plan(positive_id("job id", job_id), change)
    do_all(self, archive(plan), len(plan.items))


@app.task(name="tasks.restore_job", **_RETRIED)
def restore_job(
    self: "Task[Any, Any]",
    job_id: int,
    days: int,
    tier: str = RestoreTier.STANDARD,
    bucket: str | None = None,
) -> None:
    """Do what `oneprefix restore` does. `bucket`: where the artifacts were moved to, if at all."""
    with _reading_an_order("restore"):
        order = positive_id("days", days), RestoreTier(tier)
    restore = services().restore_job(bucket)
    plan = restore.plan(positive_id("job id", job_id))
    do_all(self, restore(plan, *order), len(plan))


@app.task(name="tasks.delete_job", bind=True, throws=(PermanentError,))
def delete_job(
    self: "Task[Any, Any]", job_id: int, confirm: str, who: str, bucket: str | None = None
) -> None:
    """Do what `oneprefix delete` does. `confirm`: the job's id once more, as text.

    A failed deletion is not retried by itself: a retry could come hours later, when the job has
    new artifacts.
    """
    if confirm != str(positive_id("job id", job_id)):
        raise InvalidRequest("confirm is not the job's id", job_id=job_id)
    delete = services().delete_job(bucket)
    plan = delete.plan(job_id)
    do_all(self, delete(plan, who=str(who)), plan.objects + plan.incomplete_uploads)


@contextmanager
def _reading_an_order(to_do: str) -> Iterator[None]:
    """InvalidRequest for arguments of a wrong type or value, as values made of them raise it."""
    try:
        yield
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidRequest(f"this is no order to {to_do}: {error}") from error
