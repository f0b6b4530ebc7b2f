"""What stands beside a worker's uploads: recovery, made from the settings."""

from collections.abc import Callable
from dataclasses import dataclass
from random import SystemRandom
from time import monotonic

from worker.bootstrap.upload_services import UploadServices, new_task_id
from worker.process.identity import has_ended, this_machine
from worker.use_cases.recovery.abort_orphans import AbortOrphans
from worker.use_cases.recovery.adopt_messages import AdoptMessages
from worker.use_cases.recovery.answer_messages import AnswerMessages
from worker.use_cases.recovery.answer_orders import AnswerOrders
from worker.use_cases.recovery.find_lost_messages import FindLostMessages
from worker.use_cases.recovery.ports import BrokerContents, Deliveries, RecoveryPublisher
from worker.use_cases.recovery.recover import Recover
from worker.use_cases.recovery.release_leases import ReleaseLeases
from worker.use_cases.recovery.republish import Republish
from worker.use_cases.recovery.start_orders import StartOrders
from worker.use_cases.recovery.take_up_spool import TakeUpSpool
from worker.use_cases.requests.read_message import ReadMessage


@dataclass(frozen=True)
class RecoveryServices(UploadServices):
    def recover(
        self,
        publisher: RecoveryPublisher,
        deliveries: Deliveries,
        contents: BrokerContents,
        carry_out_orders: Callable[[], None] | None,
        moved: Callable[[], None],
    ) -> Recover:
        """`carry_out_orders` starts the process that does, unless it runs; None if none may.

        `moved` is told each time that recovery goes on to something else.
        """
        settings = self.settings
        grace = settings.publish_grace_seconds
        return Recover(
            (
                # first: it ends recovery if the broker is another installation's
                FindLostMessages(
                    lambda: self.installation_id,
                    contents,
                    (self.outbox, self.follow_ups),
                    monotonic,
                ),
                ReleaseLeases(self.uploads, self.deaths.note, this_machine(), has_ended),
                ReleaseLeases(self.orders, self.orders.release, this_machine(), has_ended),
                AdoptMessages(
                    deliveries,
                    self.read_message,
                    self.give_order,
                    self.message_requests,
                    self.outbox,
                    grace,
                ),
                *self._spool,
                lambda: len(self.cancel_uploads.of_expired()),
                Republish(self.outbox, publisher, new_task_id),
                AnswerMessages(self.follow_ups, publisher),
                AnswerOrders(self.orders, publisher),
                *([StartOrders(self.orders, carry_out_orders)] if carry_out_orders else []),
            ),
            lambda: self._sweep(moved),
            pause=settings.recovery_seconds,
            sweep=settings.sweep_seconds,
            clock=monotonic,
            random=SystemRandom(),
            moved=moved,
        )

    @property
    def _spool(self) -> tuple[TakeUpSpool, ...]:
        spool, requests = self.settings.spool, self.requests
        return (TakeUpSpool(spool, ReadMessage(requests), requests),) if spool else ()

    def _sweep(self, moved: Callable[[], None]) -> int:
        # not before the first sweep: a worker that has just started is busy enough
        from worker.storage.manage.incomplete_uploads import S3IncompleteUploads

        incomplete = S3IncompleteUploads(self.bucket)
        return AbortOrphans(self.upload_list, self.multipart_ids, incomplete, moved)()
