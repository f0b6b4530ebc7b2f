"""What a meter counts is what the exposition says, and nothing that a stranger wrote is in it."""

from timeit import repeat

import pytest

from tests.servers.scrape import Samples, samples
from worker import errors
from worker.errors import (
    HandedBack,
    LeaseLost,
    OneprefixError,
    PermanentError,
    Postponed,
    StorageUnavailable,
    TransientError,
)
from worker.metrics.catalogue import CATALOGUE, FAILURES, POSTPONEMENTS, RETRIES, WIDTH
from worker.metrics.exposition import exposition
from worker.metrics.meter import SharedMeter
from worker.metrics.worker import families
from worker.models.archive import Archive
from worker.models.measured import Action, Stage
from worker.models.upload import Upload
from worker.process.shared_counts import SharedCounts
from worker.storage.upload.checksums import ChecksumsRefused

CLASSES = [
    each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, PermanentError | TransientError)
]


@pytest.fixture
def meter() -> SharedMeter:
    return SharedMeter(SharedCounts(WIDTH, 2))


def told(meter: SharedMeter) -> Samples:
    return samples(exposition(families(meter.counts.totals(), 2)).body)


def test_each_count_is_told_under_its_name(meter: SharedMeter) -> None:
    meter.began(Upload(12, 4, "/r"))
    meter.began(Upload(12, 4, "/r", deaths=2))
    meter.packed(Archive(file_count=3, bytes_total=300, size=120))
    meter.sent(100)
    meter.died(of_memory=True)
    meter.lease_expired()
    meter.recovered(Action.REPUBLISHED, 5)
    found = {name: value for name, value in told(meter).items() if value}
    assert found == {
        ("oneprefix_worker_processes",): 2,
        ("oneprefix_worker_attempts_total",): 2,
        ("oneprefix_worker_recoveries_total",): 1,
        ("oneprefix_worker_packed_bytes_total",): 300,
        ("oneprefix_worker_archive_bytes_total",): 120,
        ("oneprefix_worker_sent_bytes_total",): 100,
        ("oneprefix_worker_deaths_total", "out_of_memory"): 1,
        ("oneprefix_worker_expired_leases_total",): 1,
        ("oneprefix_worker_recovery_actions_total", "message_republished"): 5,
        ("oneprefix_build_info", "0.1.0"): 1,
    }


def test_a_histogram_counts_what_is_at_most_a_bound(meter: SharedMeter) -> None:
    for seconds in (0.05, 0.1, 0.3, 10**7):
        meter.landed(seconds)
    found, name = told(meter), "oneprefix_worker_enqueue_to_land_seconds"
    assert [found[f"{name}_bucket", le] for le in ("0.1", "0.5", "259200.0", "+Inf")] == [
        2,
        3,
        3,
        4,
    ]
    assert (found[f"{name}_count",], found[f"{name}_sum",]) == (4, 10**7 + 0.45)


def test_a_stage_has_a_histogram_of_its_own(meter: SharedMeter) -> None:
    for number, stage in enumerate(Stage, 1):
        for _ in range(number):
            meter.passed(stage, 0.5)
    found = told(meter)
    name = "oneprefix_worker_stage_seconds"
    assert [found[f"{name}_count", stage] for stage in Stage] == [1, 2, 3, 4]
    assert [found[f"{name}_sum", stage] for stage in Stage] == [0.5, 1, 1.5, 2]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_each_error_is_counted_once_by_its_class(
    meter: SharedMeter, kind: type[OneprefixError]
) -> None:
    meter.failed(kind('\x1b]0;pwned\x07 {job="12"}\n'))
    counted = {
        name for name, value in told(meter).items() if value and name[1:] == (kind.__name__,)
    }
    family = RETRIES
    if issubclass(kind, Postponed | PermanentError):
        family = POSTPONEMENTS if issubclass(kind, Postponed) else FAILURES
    assert counted == {(f"{family.name}_total", kind.__name__)}


def test_an_error_of_another_module_is_counted_as_what_it_is_one_of(meter: SharedMeter) -> None:
    meter.failed(ChecksumsRefused("md5"))
    parent = ChecksumsRefused.__mro__[1]
    assert told(meter)["oneprefix_worker_retries_total", parent.__name__] == 1


def test_all_that_an_upload_tells_takes_less_than_a_tenth_of_a_millisecond(
    meter: SharedMeter,
) -> None:
    def land() -> None:
        meter.began(Upload(12, 4, "/r"))
        for stage in Stage:
            meter.passed(stage, 0.01)
        meter.packed(Archive(file_count=3, bytes_total=300, size=120))
        meter.sent(120)
        meter.landed(0.02)

    assert min(repeat(land, number=100, repeat=10)) < 100 * 0.0001


def test_labels_are_the_same_whatever_was_counted(meter: SharedMeter) -> None:
    before = set(told(meter))
    for error in (HandedBack("x"), LeaseLost("y"), StorageUnavailable("z"), TransientError("q")):
        meter.failed(error)
    meter.landed(3)
    assert set(told(meter)) == before
    assert len(before) < 400
    assert {family.label for family in CATALOGUE} == {"", "stage", "cause", "action"}
