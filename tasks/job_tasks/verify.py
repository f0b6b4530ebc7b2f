"""The task that verifies a job's results."""

import logging
from typing import Any

from celery import Task

from tasks.app import app
from tasks.job_tasks.progress import send_progress
from tasks.services import services
from worker.errors import PermanentError, TransientError, VerificationFailed

log = logging.getLogger(__name__)


@app.task(
    name="tasks.verify_job",
    bind=True,
    autoretry_for=(TransientError,),
    retry_backoff=True,
    throws=(PermanentError,),
)
def verify_job(
    self: "Task[Any, Any]", job_id: int, run_id: int | None = None, deep: bool = False
) -> dict[str, int]:
    """Do what `oneprefix verify` does; return the number of results by verdict.

    Raises VerificationFailed unless all are right; the log tells each result that is wrong.
    """

    def tell(done: int, total: int) -> None:
        if done == total or done % max(1, total // 100) == 0:
            send_progress(self, done, total)

    verify = services().verify_job
    verification = verify(verify.plan(job_id, run_id), deep=deep, progress=tell)
    wrong = [each for each in verification.judged if not each.verdict.is_right]
    for each in wrong:
        log.error("job %d: %s is %s: %s", job_id, each.key, each.verdict, each.detail)
    counts = {verdict.value: count for verdict, count in verification.counts.items()}
    if wrong:
        raise VerificationFailed(
            ", ".join(f"{count:,} {verdict}" for verdict, count in counts.items()),
            job_id=job_id,
            run_id=run_id,
        )
    return counts
