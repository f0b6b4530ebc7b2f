"""What stands beside a worker's uploads: recovery, made from the settings."""

from collections.abc import Callable
from dataclasses import dataclass
from random import SystemRandom
from time import monotonic

from worker.bootstrap.upload_services import UploadServices, new_task_id
from worker.models.measured import Action
from worker.process.identity import has_ended, this_machine
from worker.use_cases.recovery.abort_orphans import AbortOrphans
from worker.use_cases.recovery.adopt_messages import AdoptMessages
from worker.use_cases.recovery.answer_messages import AnswerMessages
from worker.use_cases.recovery.answer_orders import AnswerOrders
from worker.use_cases.recovery.find_lost_messages import FindLostMessages
from worker.use_cases.recovery.ports import BrokerContents, Deliveries, RecoveryPublisher
from worker.use_cases.recovery.recover import Recover, Step
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
        counted = self._counted
        return Recover(
            (
                # first: it ends recovery if the broker is another installation's
                counted(
                    Action.LOST,
                    FindLostMessages(
                        lambda: self.installation_id,
                        contents,
                        (self.outbox, self.follow_ups),
                        monotonic,
                    ),
                ),
                counted(
                    Action.RELEASED,
                    ReleaseLeases(self.uploads, self.deaths.note, this_machine(), has_ended),
                ),
                counted(
                    Action.ORDER_RELEASED,
                    ReleaseLeases(self.orders, self.orders.release, this_machine(), has_ended),
                ),
                AdoptMessages(
                    deliveries,
                    self.read_message,
                    self.give_order,
                    self.message_requests,
                    self.outbox,
                    grace,
                ),
                *self._spool,
                counted(Action.EXPIRED, lambda: len(self.cancel_uploads.of_expired())),
                counted(Action.REPUBLISHED, Republish(self.outbox, publisher, new_task_id)),
                counted(Action.ANSWERED, AnswerMessages(self.follow_ups, publisher)),
                counted(Action.ORDER_ANSWERED, AnswerOrders(self.orders, publisher)),
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
    def _spool(self) -> tuple[Step, ...]:
        spool, requests = self.settings.spool, self.requests
        if spool is None:
            return ()
        take_up = TakeUpSpool(spool, ReadMessage(requests), requests)
        return (self._counted(Action.TAKEN_UP, take_up),)

    def _counted(self, action: Action, step: Step) -> Step:
        """The step, which also tells the meter how often it did something."""

        def counted() -> int:
            if count := step():
                self.meter.recovered(action, count)
            return count

        return counted

    def _sweep(self, moved: Callable[[], None]) -> int:
        # not before the first sweep: a worker that has just started is busy enough
        from worker.storage.manage.incomplete_uploads import S3IncompleteUploads

        try:
            incomplete = S3IncompleteUploads(self.bucket)
            abort = AbortOrphans(self.upload_list, self.multipart_ids, incomplete, moved)
            return self._counted(Action.ABORTED, abort)()
        finally:  # also if S3 does not answer
            self.totals.fold()
