"""Publish a message for each upload that needs one and whose message is missing, lost or due."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from worker.errors import DatabaseRefused
from worker.models.upload_request import DueMessage
from worker.use_cases.recovery.ports import Outbox
from worker.use_cases.requests.ports import Publisher

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Republish:
    outbox: Outbox
    publisher: Publisher
    new_task_id: Callable[[], str]

    def __call__(self) -> int:
        """Publish what is due, interrupted uploads as urgent; return how many messages.

        Stops at the first message that the broker does not take; the next call tries again.
        """
        published = 0
        for row in self.outbox.due():
            message = self._take(row)
            if message is None:
                continue
            request = message.request
            if not self.publisher.publish(
                request, urgent=message.is_begun, retries=message.attempts
            ):
                self.outbox.give_back(row)
                break
            log.info("job %s, run %s: published again", request.job_id, request.run_id)
            published += 1
        return published

    def _take(self, row: int) -> DueMessage | None:
        """The row's message, unless another worker's recovery was first or SQL refuses the row."""
        try:
            return self.outbox.take(row, task_id=self.new_task_id())
        except DatabaseRefused as error:
            log.warning("row %d of uploads can't be published: %s", row, error)
            return None
