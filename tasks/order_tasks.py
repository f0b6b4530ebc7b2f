"""The tasks that give orders about all artifacts of one job.

A message is kept as a row of `job_orders`. A process beside the worker carries the order out, so
that no upload waits for it; the message is published again once it is over, and then tells how it
ended.
"""

import logging
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from celery import Task
from celery.exceptions import Ignore, Retry

from tasks.app import app
from tasks.messaging.come_back import come_back
from tasks.messaging.order_message import GIVEN_AT, order_message
from tasks.messaging.results import stores_results
from tasks.services import services
from worker.errors import OneprefixError, OrderFailed, PermanentError, TransientError
from worker.models.order import Order, OrderState
from worker.models.storage_class import RestoreTier, StorageClass

log = logging.getLogger(__name__)

Result = dict[str, int]


class OrderTask(Task):  # type: ignore[type-arg]  # not generic at run time
    """A task whose message leaves a row even if its arguments are wrong."""

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        if self.request.called_directly:
            return super().__call__(*arguments, **keywords)
        return _ended(self, arguments, keywords)

    def apply_async(self, *arguments: Any, **options: Any) -> Any:
        if options.get("eta") is None and options.get("countdown") is None:
            headers = options.get("headers") or {}
            options["headers"] = {GIVEN_AT: datetime.now(UTC).isoformat()} | headers
        return super().apply_async(*arguments, **options)

    def on_success(self, *_: Any) -> None:
        self.note_answered()

    def on_failure(self, error: Exception, *_: Any) -> None:
        if isinstance(error, PermanentError):
            self.note_answered()

    def note_answered(self) -> None:
        try:
            services().orders.answered(str(self.request.id))
        except OneprefixError as error:
            log.warning("%s; message %s may be answered again", error, self.request.id)


_ORDER: dict[str, Any] = {
    "bind": True,
    "base": OrderTask,
    "max_retries": None,
    "throws": (PermanentError,),
}


@app.task(name="tasks.verify_job", **_ORDER)
def verify_job(
    self: OrderTask, job_id: int, run_id: int | None = None, deep: bool = False
) -> Result:
    """Do what `oneprefix verify` does; return the number of results by verdict.

    Fails unless all are right; the log tells each result that is wrong.
    """
    return _ended(self, (job_id, run_id, deep), {})


@app.task(name="tasks.archive_job", **_ORDER)
def archive_job(
    self: OrderTask,
    job_id: int,
    storage_class: str = StorageClass.GLACIER,
    older_than_days: float = 0,
    to_bucket: str | None = None,
) -> Result:
    """Do what `oneprefix archive` does, for artifacts that landed `older_than_days` ago."""
    return _ended(self, (job_id, storage_class, older_than_days, to_bucket), {})


@app.task(name="tasks.restore_job", **_ORDER)
def restore_job(
    self: OrderTask,
    job_id: int,
    days: int,
    tier: str = RestoreTier.STANDARD,
    bucket: str | None = None,
) -> Result:
    """Do what `oneprefix restore` does. `bucket`: where the artifacts were moved to, if at all."""
    return _ended(self, (job_id, days, tier, bucket), {})


@app.task(name="tasks.delete_job", **_ORDER)
def delete_job(
    self: OrderTask,
    job_id: int,
    confirm: str,
    who: str,
    bucket: str | None = None,
    prefix: str | None = None,
) -> Result:
    """Do what `oneprefix delete` does. `confirm`: the job's id once more, as text.

    `prefix`: that of the job, whose row may be gone then.
    """
    return _ended(self, (job_id, confirm, who, bucket, prefix), {})


@app.task(name="tasks.migrate_job", **_ORDER)
def migrate_job(self: OrderTask, job_id: int) -> Result:
    """Do what `oneprefix migrate JOB --apply` does; the log has all errors."""
    return _ended(self, (job_id,), {})


def _ended(task: OrderTask, arguments: Any, keywords: Any) -> Result:
    """How many objects ended how, once the order is over.

    RETRY: it is not over; recovery publishes the message again then. FAILURE: the row tells why.
    """
    at_once = task.request.called_directly or task.request.is_eager
    now = datetime.now(UTC).isoformat()
    told = {"id": uuid4()} if task.request.called_directly else vars(task.request)
    message = order_message(task.name, arguments, keywords, told, results=stores_results(app))
    try:
        order = services().give_order(message, own=at_once)
        if at_once and not order.state.is_over:
            services().carry_out_order(order.id)
            order = services().orders.find(order.id) or order
        return _result(task, order)
    except TransientError as error:
        if at_once:
            raise
        given = {GIVEN_AT: now} | (task.request.headers or {})
        raise come_back(task, error, headers=given) from error


def _result(task: OrderTask, order: Order) -> Result:
    where = f"order {order.id} to {order.kind}"
    match order.state:
        case OrderState.DONE:
            _begin_answer(task, order)
            return dict(order.result or {})
        case OrderState.FAILED:
            _begin_answer(task, order)
            raise OrderFailed(_without_ids(order), job_id=order.job_id)
        case OrderState.CANCELLED:
            task.backend.mark_as_revoked(order.id, order.error or "", request=task.request)
            task.note_answered()
            task.send_event("task-revoked", terminated=False, signum=None, expired=False)
            raise Ignore(order.error)
        case _ if task.request.called_directly:
            raise TransientError(order.error or f"{where} is under way", job_id=order.job_id)
        case _:
            raise Retry(f"{where} is under way: `oneprefix orders show` tells how far it is")


def _begin_answer(task: OrderTask, order: Order) -> None:
    """Let Celery tell how the order ended, unless it has been told before."""
    if not task.request.called_directly and not services().orders.claim_answer(order.id):
        raise Ignore("the order's end was told already")


def _without_ids(order: Order) -> str:
    """The reason; the error that carries it names the job itself."""
    return (order.error or "").removeprefix(f"job {order.job_id}: ")
