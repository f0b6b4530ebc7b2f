"""The task that deletes a job's artifacts for good."""

from typing import Any

from celery import Task

from tasks.app import app
from tasks.job_tasks.progress import do_all
from tasks.services import services
from worker.errors import InvalidRequest, PermanentError
from worker.models.validation import positive_id


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
