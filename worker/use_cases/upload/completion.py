"""Completes an archive under its key: only the lease holder may overwrite what stands there.

An object that stands under the key is overwritten only if it is unchanged since it was looked at,
and only after the lease was proved anew in between: a stale holder ends there, and replaces no
successor's object.
"""

from collections.abc import Callable

from worker.errors import StorageUnavailable
from worker.models.artifact import Artifact
from worker.use_cases.upload.ports import OutgoingArchive

#: Writes tried, each on the condition of what the one before has found under the key.
MAX_WRITES = 5


def complete(
    sending: OutgoingArchive, artifact: Artifact, seal: Callable[[Artifact], None]
) -> None:
    """Seal the row and complete the object; both again if another object stands under the key.

    `seal` proves the lease and records the artifact on the row, or raises LeaseLost.
    """
    condition = None
    for _ in range(MAX_WRITES):
        seal(artifact)
        condition = sending.complete(condition)
        if condition is None:
            return
    raise StorageUnavailable(f"{artifact.key} is being replaced by others again and again")
