"""Publish the messages again that a broker lost with its data: wiped, restarted, failed over."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from worker.use_cases.recovery.ports import BrokerContents, LosableMessages

log = logging.getLogger("oneprefix.recovery")


@dataclass(frozen=True, slots=True)
class FindLostMessages:
    """`messages`: the rows whose messages the broker should have."""

    installation: Callable[[], str]
    contents: BrokerContents
    messages: tuple[LosableMessages, ...]
    clock: Callable[[], float]

    def __call__(self) -> int:
        """Make the rows due whose messages are gone, if the broker may have lost any.

        Returns how many are gone. Raises ForeignBroker if the broker is another installation's.
        """
        installation = self.installation()
        if self.contents.are_as_marked(installation):
            return 0
        asked_at = self.clock()
        there = self.contents.message_ids()
        lost = 0
        for rows in self.messages:
            gone = [each for each in rows.published() if each not in there]
            # what was published since we asked may be there all the same
            lost += rows.mark_due(gone, published_before=self.clock() - asked_at)
        self.contents.mark(installation)
        if lost:
            log.warning("the broker has lost %d messages; they are published again", lost)
        return lost
