"""Plans of trees, and what becomes of them without a pool."""

import os
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from worker.packaging.batch import pack_batch
from worker.packaging.deflate import FAST
from worker.packaging.measure import Measure
from worker.packaging.plan import Batch, Plan
from worker.packaging.tree import Entry, walk
from worker.packaging.zip_stream import ZipStream


@contextmanager
def planned(run: Path) -> Iterator[Plan]:
    """The plan of the tree as it is now."""
    with opened(run) as descriptor, closing(walk(descriptor, os.fsencode(run.name))) as entries:
        yield Plan(entries, measured(run).sizes())


@contextmanager
def batch_of(run: Path) -> Iterator[Batch]:
    """The one that holds the whole of a small tree."""
    with planned(run) as plan:
        (batch,) = plan
        assert isinstance(batch, Batch)
        with closing(batch):
            yield batch


def measured(run: Path) -> Measure:
    with opened(run) as descriptor:
        return Measure(walk(descriptor, os.fsencode(run.name)))


@contextmanager
def opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def stream_of(entries: Iterable[Entry]) -> ZipStream:
    """The archive of entries that are no files."""
    units = Plan(entries, iter(()))
    batches = (unit for unit in units if isinstance(unit, Batch))
    return ZipStream(pack_batch(batch.items, batch.descriptors, FAST) for batch in batches)
