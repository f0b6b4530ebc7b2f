"""Publish the messages again that still want something to follow, though their upload is over.

Such a message came while another one's attempt was under way, or its worker died after the upload
and before what follows was started.
"""

import logging
from dataclasses import dataclass

from worker.use_cases.recovery.ports import FollowUps
from worker.use_cases.requests.ports import Publisher

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AnswerMessages:
    follow_ups: FollowUps
    publisher: Publisher

    def __call__(self) -> int:
        """Publish what is due; return how many messages.

        Stops at the first message that the broker does not take; the next call tries again.
        """
        published = 0
        for task_id in self.follow_ups.due():
            request = self.follow_ups.take(task_id)
            if request is None:
                continue  # another worker's recovery was first
            if not self.publisher.publish(request):
                self.follow_ups.give_back(task_id)
                break
            where = request.job_id, request.run_id
            log.info("job %d, run %d: over; message %s is answered", *where, task_id)
            published += 1
        return published
