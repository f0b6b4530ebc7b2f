"""Publish an upload's message through Celery."""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

from tasks.messaging.follow_up import options_of
from tasks.messaging.upload_message import TASK, URGENT
from worker.errors import InvalidSettings, OneprefixError
from worker.models.order import Order
from worker.models.upload_request import UploadRequest
from worker.models.validation import stored_json

log = logging.getLogger(__name__)

#: Raised where the broker does not answer, or where no setting names one.
UNREACHABLE = (OperationalError, OSError, InvalidSettings)


#: A message's header with the id of the database whose row it rings for.
INSTALLATION = "oneprefix_installation"


class CeleryPublisher:
    def __init__(self, app: Celery, installation: Callable[[], str] = str) -> None:
        """`installation` tells the database's id; empty where nobody can."""
        self._app = app
        self._installation = installation

    @property
    def is_eager(self) -> bool:
        """Whether uploads are done at once in this process, as in an orchestrator's unit tests."""
        try:
            return bool(self._app.conf.task_always_eager)
        except InvalidSettings:  # no broker is named
            return False

    def publish(self, request: UploadRequest, *, urgent: bool = False, retries: int = 0) -> bool:
        """Publish; `urgent` works where this process uses our own transport, or on RabbitMQ 4."""
        if self.is_eager:  # which Celery ignores in `send_task`
            arguments = request.job_id, request.run_id, request.path
            self._app.tasks[TASK].apply(arguments, task_id=request.task_id)
            return True
        return self._sent(
            f"job {request.job_id}, run {request.run_id}",
            TASK,
            args=[request.job_id, request.run_id, request.path],
            task_id=request.task_id,
            retries=retries,
            priority=URGENT if urgent else None,
            **options_of(request.follow_up),
        )

    def publish_order(self, order: Order) -> bool:
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        match stored_json(order.arguments):
            case dict() as kwargs:
                pass
            case [list() as args, dict() as kwargs]:  # those of a refused order, as they came
                pass
            case told:  # a row that somebody has written
                args = [told]
        options = options_of(order.follow_up)
        name = f"tasks.{order.kind}_job"
        return self._sent(order.title, name, args=args, kwargs=kwargs, task_id=order.id, **options)

    def _sent(self, what: str, name: str, **options: Any) -> bool:
        headers = {}
        with suppress(OneprefixError):  # a schema that lacks it, or an outage
            headers = {INSTALLATION: self._installation()}
        try:
            self._app.send_task(name, headers=headers, **options)
        except UNREACHABLE as error:
            log.warning("%s: no message published, a worker will do it: %s", what, error)
            return False
        return True
