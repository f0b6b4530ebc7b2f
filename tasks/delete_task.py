"""The task that deletes a job's artifacts for good."""

from typing import Any

from celery import Task

from tasks.app import app
from tasks.progress import exhaust
from tasks.services import services
from worker.errors import InvalidRequest, PermanentError
from worker.models.validation import positive_id


@app.task(name="tasks.delete_job", bind=True, throws=(PermanentError,))
def delete_job(
    self: "Task[Any, Any]", job_id: int, confirm: str, who: str, bucket: str | None = None
) -> None:
    """`confirm`: the job's id once more, as text. What fails is not tried again by itself, since
    that could be hours later."""
    if confirm != str(positive_id("job id", job_id)):
        raise InvalidRequest("confirm is not the job's id", job_id=job_id)
    delete = services().delete_job(bucket)
    plan = delete.plan(job_id)
    exhaust(self, delete(plan, who=str(who)), plan.objects + plan.incomplete_uploads)
