"""Waits for a results directory that is still written to."""

import re
from dataclasses import dataclass

from worker.errors import Unfinished
from worker.models.upload import Upload
from worker.use_cases.upload.ports import Package

_SEEN = re.compile(r" \(as seen: \w+\)")


@dataclass(frozen=True, slots=True)
class Settling:
    """`seconds`: for how long nothing in the directory may have changed; 0 to wait for nothing.

    Two looks tell, that far apart: a file server's clock, and so the times of its files, may be
    ahead of a worker's or behind it.
    """

    seconds: float = 0

    def seen(self, upload: Upload) -> str:
        """What the last look saw, as the reason on the row tells; other reasons to wait keep it."""
        found = _SEEN.search(upload.error or "")
        return found[0] if found else ""

    def require_settled(self, upload: Upload, package: Package) -> None:
        """Raise Unfinished unless an earlier look has found the very same tree."""
        seen = f" (as seen: {package.fingerprint})"
        if self.seconds and seen != self.seen(upload):
            raise Unfinished(
                f"waits until nothing has changed in its directory for {self.seconds:g} s{seen}",
                size=package.bytes_total,
                retry_in=self.seconds,
            )
