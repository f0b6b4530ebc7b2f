"""Cuts a tree that was packed into batches that are compared with what was measured."""

from collections.abc import Generator, Iterable

from worker.packaging.tree.entries import Entry, FileGroup
from worker.packaging.workers.plan import OPEN_DIRECTORIES
from worker.packaging.workers.units import BATCH_DIRECTORIES, BATCH_ENTRIES, Batch


def checks(entries: Iterable[Entry | None], *, in_flight: int) -> Generator[Batch]:
    """Yield batches of all files. `in_flight` is the number of them that may be open at a time."""
    max_directories = min(BATCH_DIRECTORIES, max(1, OPEN_DIRECTORIES // in_flight))
    batch = Batch(is_check=True)
    try:
        for entry in entries:
            if isinstance(entry, FileGroup):
                batch.add_files(entry, 0, len(entry.sizes))
                if batch.entry_count >= BATCH_ENTRIES or len(batch.descriptors) >= max_directories:
                    full, batch = batch, Batch(is_check=True)
                    yield full
        if batch.items:
            full, batch = batch, Batch(is_check=True)
            yield full
    finally:
        batch.close()
