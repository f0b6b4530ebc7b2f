"""A command that takes a process's place counts on where it did, if it is of the same release."""

import pytest

from worker.bootstrap.metrics import handed_on, joined, make_counts
from worker.metrics.catalogue import ATTEMPTS, COLUMNS
from worker.metrics.meter import SharedMeter
from worker.models.upload import Upload
from worker.process.worker_pool import WorkerPool
from worker.settings import Settings

SETTINGS = Settings(metrics_port=9809)


def test_without_a_port_nothing_is_counted_or_handed_on() -> None:
    assert make_counts(Settings(), 2) is None
    assert handed_on(WorkerPool.of(2)) == handed_on(None) == ()


def test_it_counts_on(caplog: pytest.LogCaptureFixture) -> None:
    pool = WorkerPool.of(2, make_counts(SETTINGS, 2))
    other = joined(*handed_on(pool))
    assert other.processes == 2
    assert pool.counts
    assert other.counts
    SharedMeter(other.counts).began(Upload(12, 4, "/r"))
    assert pool.counts.totals()[COLUMNS[ATTEMPTS.name, ""]] == 1
    assert not caplog.records


def test_of_another_release_it_counts_nothing_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    processes, descriptor, layout = handed_on(WorkerPool.of(2, make_counts(SETTINGS, 2)))
    assert joined(processes, descriptor, layout + 1).counts is None
    assert "of another release" in caplog.text
