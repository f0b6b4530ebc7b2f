"""Plans and archives of trees, made without a pool."""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from worker.packaging.archive_stream import ZipStream
from worker.packaging.tree.entries import Directory, Entry
from worker.packaging.tree.measure import Measure
from worker.packaging.tree.survey import Survey
from worker.packaging.tree.walk import walk
from worker.packaging.workers.batch import BatchPacker
from worker.packaging.workers.plan import Plan
from worker.packaging.workers.units import Batch, Unit
from worker.packaging.zip.deflate import FAST


@contextmanager
def planned(run: Path) -> Iterator[Iterator[Unit]]:
    """The units of the tree, which is walked now and read unit by unit."""
    with (
        surveyed(run) as survey,
        closing(survey.entries()) as entries,
        closing(iter(Plan(entries))) as units,
    ):
        yield known(units)


def known(units: Iterable[Unit | None]) -> Iterator[Unit]:
    """The units of a walk that is over, which has all of them."""
    for unit in units:
        assert unit
        yield unit


@contextmanager
def surveyed(run: Path) -> Iterator[Survey]:
    """The survey of a whole walk through the run."""
    with opened(run) as descriptor:
        survey = Survey(descriptor)
        for entry in walk(descriptor, os.fsencode(run.name)):
            survey.add(entry)
        survey.complete()
        yield survey


@contextmanager
def batch_of(run: Path) -> Iterator[Batch]:
    """The single batch that holds all of a small tree."""
    with planned(run) as units:
        (batch,) = units
        assert isinstance(batch, Batch)
        with closing(batch):
            yield batch


def again(batch: Batch) -> Batch:
    """A copy of the batch with descriptors of its own."""
    descriptors = list(map(os.dup, batch.descriptors))
    return Batch(batch.items, descriptors, batch.entry_count, batch.size)


def measured(run: Path) -> Measure:
    measure = Measure()
    with opened(run) as descriptor:
        for entry in walk(descriptor, os.fsencode(run.name)):
            measure.add(entry)
    return measure


@contextmanager
def opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def unlisted(name: bytes) -> Directory:
    """A directory that exists only as an entry."""
    return Directory(name, b"", (stat.S_IFDIR | 0o755, 1_700_000_000), 0)


def stream_of(entries: Iterable[Entry]) -> ZipStream:
    """The archive of entries that are no files."""
    batches = (unit for unit in Plan(entries) if isinstance(unit, Batch))
    pack = BatchPacker(FAST)
    return ZipStream(pack(batch.items, batch.descriptors) for batch in batches)
