"""Lets an upload whose worker was killed again and again run alone, and take less."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from worker.errors import MustWait
from worker.models.upload import Upload

if TYPE_CHECKING:
    from worker.process.company import Company

#: Deaths in a row after which an upload runs alone on its worker.
ALONE_AFTER = 3
#: Seconds that it waits for the uploads beside it, while no other begins.
PATIENCE = 30.0


def cutbacks(upload: Upload) -> int:
    """How often to halve what the attempt takes: once per limit it met, and per death too many."""
    return upload.cutbacks + max(0, upload.deaths - ALONE_AFTER + 1)


@dataclass(frozen=True, slots=True)
class Caution:
    company: "Company"
    """The processes of the worker."""

    def enter(self, upload: Upload, check: Callable[[], None]) -> None:
        """Begin beside others, or alone; MustWait if that can't be now.

        `check` is called while this waits to be alone, and may raise.
        """
        if upload.deaths < ALONE_AFTER:
            if not self.company.enter():
                raise MustWait("waits while an upload whose worker was killed often runs alone")
            return
        until = monotonic() + PATIENCE
        while not self.company.enter_alone():
            if monotonic() > until:
                raise MustWait(
                    f"its worker was killed {upload.deaths} times in a row, so it waits until it"
                    " can run alone"
                )
            check()
            time.sleep(0.2)

    def leave(self) -> None:
        """Let others begin."""
        self.company.leave()
