"""What uploads and recovery tell of themselves, in numbers."""

from typing import Protocol

from worker.errors import OneprefixError
from worker.models.archive import Archive
from worker.models.measured import Action, Stage
from worker.models.upload import Upload


class Meter(Protocol):
    """Counts in microseconds, and never raises."""

    def began(self, upload: Upload) -> None:
        """Count an attempt, which has just claimed this upload."""
        ...

    def passed(self, stage: Stage, seconds: float) -> None:
        """Count a stage that an attempt has completed."""
        ...

    def packed(self, archive: Archive) -> None:
        """Count the bytes of an archive, and of the files in it."""
        ...

    def landed(self, seconds: float) -> None:
        """Count a landing, so many seconds after its request."""
        ...

    def failed(self, error: OneprefixError) -> None:
        """Count an attempt that ended with this error, by its class."""
        ...

    def lease_expired(self) -> None:
        """Count a lease that its holder has let run out."""
        ...

    def died(self, *, of_memory: bool) -> None:
        """Count the death of a process that held a lease; `of_memory`: the kernel killed it."""
        ...

    def recovered(self, action: Action, count: int) -> None:
        """Count what recovery did, so many times."""
        ...


class Unmetered:
    """Counts nothing."""

    def began(self, upload: Upload) -> None: ...
    def passed(self, stage: Stage, seconds: float) -> None: ...
    def packed(self, archive: Archive) -> None: ...
    def landed(self, seconds: float) -> None: ...
    def failed(self, error: OneprefixError) -> None: ...
    def lease_expired(self) -> None: ...
    def died(self, *, of_memory: bool) -> None: ...
    def recovered(self, action: Action, count: int) -> None: ...
