import os
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from operator import length_hint
from random import Random
from time import sleep
from typing import Any

import pytest

from tests.worker.packaging.left_behind import children, descriptors, nothing_left_behind, resources
from tests.worker.packaging.processes import wait_until
from worker.errors import HelperLost
from worker.packaging.workers.batch import BatchPacker, PackedBatch
from worker.packaging.workers.helper import MAX_PENDING, Helper, PendingBatch
from worker.packaging.workers.pool import MAX_HELD, MIN_FOR_HELPER, Packed, PackingPool
from worker.packaging.workers.units import Batch
from worker.packaging.zip.deflate import FAST

threads = pytest.mark.parametrize("threads", [1, 2, 8])
COUNT = 40
MODE = (stat.S_IFDIR | 0o755, 0)
packed_batch = BatchPacker.__call__


def batch(number: int, *, members: int = 1) -> Batch:
    """A batch of directories that holds one descriptor open."""
    batch = Batch()
    for member in range(members):
        batch.add(b"RUN4/%d/%d/" % (number, member), MODE, b"")
    batch.descriptors.append(os.open("/", os.O_RDONLY))
    return batch


class Units:
    """Iterate over batches; `taken` counts them."""

    def __init__(self, *, members: int = 1) -> None:
        self.taken = 0
        self._members = members

    def __iter__(self) -> Iterator[Batch]:
        for number in range(COUNT):
            self.taken += 1
            yield batch(number, members=self._members)


@contextmanager
def packing(units: Units, threads: int, *, helpers: bool = False) -> Iterator[Iterator[Packed]]:
    """The results of a pool, which is closed behind the block, wherever it stands."""
    pool = PackingPool(threads=threads, level=FAST)
    with nothing_left_behind(), closing(pool), closing(pool.in_order(iter(units))) as packed:
        if helpers:
            pool.start_helpers()
        yield packed


def pack_with(pack: Callable[..., PackedBatch], patch: pytest.MonkeyPatch) -> None:
    """Let threads pack their batches with this function."""
    patch.setattr(BatchPacker, "__call__", pack)


def numbers(packed: Iterator[Packed]) -> list[int]:
    """The numbers of the packed batches."""
    return [number_of(each) for each in packed]


def number_of(packed: Packed) -> int:
    assert isinstance(packed, PackedBatch)
    return int(packed.data.split(b"/")[1])


@threads
@pytest.mark.parametrize("seed", [1, 2])
def test_units_come_back_in_order_however_long_each_takes(
    threads: int, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(seed)

    def slow(*arguments: Any) -> PackedBatch:
        sleep(random.random() / 100)
        return packed_batch(*arguments)

    pack_with(slow, monkeypatch)
    with packing(Units(), threads) as packed:
        assert numbers(packed) == list(range(COUNT))


@threads
def test_no_more_than_a_window_is_packed_ahead(threads: int) -> None:
    units = Units()
    with packing(units, threads) as packed:
        for number, each in enumerate(packed):
            assert number_of(each) == number
            assert units.taken <= number + 1 + 2 * threads + 3


@threads
def test_as_many_are_packed_at_once_as_there_are_threads(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(threads, timeout=10)

    def waiting(*arguments: Any) -> PackedBatch:
        together.wait()
        return packed_batch(*arguments)

    pack_with(waiting, monkeypatch)
    with packing(Units(), threads) as packed:
        assert numbers(packed) == list(range(COUNT))


@threads
def test_the_error_of_a_unit_comes_in_its_turn_and_everything_is_closed(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for failing in range(COUNT):
        pack_with(failing_at(failing), monkeypatch)
        seen: list[int] = []
        with pytest.raises(ZeroDivisionError), packing(Units(), threads) as packed:
            seen.extend(map(number_of, packed))
        assert seen == list(range(failing))


def failing_at(failing: int) -> Callable[..., PackedBatch]:
    def pack(packer: BatchPacker, items: Any, descriptors: Any) -> PackedBatch:
        if items[0][0].startswith(b"RUN4/%d/" % failing):
            raise ZeroDivisionError
        return packed_batch(packer, items, descriptors)

    return pack


class BrokenUnits(Units):
    """Batches that end with an error."""

    def __init__(self, failing: int) -> None:
        super().__init__()
        self._failing = failing

    def __iter__(self) -> Iterator[Batch]:
        for number in range(self._failing):
            yield batch(number)
        raise ZeroDivisionError


@threads
def test_an_error_of_the_plan_closes_everything(threads: int) -> None:
    for failing in range(COUNT):
        with pytest.raises(ZeroDivisionError), packing(BrokenUnits(failing), threads) as packed:
            list(packed)


@threads
def test_whenever_its_reader_gives_up_everything_is_closed(threads: int) -> None:
    for stop in range(COUNT + 1):
        units = Units()
        with packing(units, threads) as packed:
            for _ in range(stop):
                next(packed)
        assert units.taken <= stop + (2 * threads + 3) * (stop > 0)


@threads
def test_no_unit_is_closed_under_the_thread_that_packs_it(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def watch(packer: BatchPacker, items: Any, descriptors: Any) -> PackedBatch:
        sleep(0.01)
        seen.append(bool(descriptors))
        return packed_batch(packer, items, descriptors)

    pack_with(watch, monkeypatch)
    with packing(Units(), threads) as packed:
        next(packed)
    assert all(seen)


@pytest.mark.parametrize("allowed", [0, 1, 3])
def test_where_no_more_threads_are_to_be_had_everything_is_closed(
    allowed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, numbers = threading.Thread.start, count(1)

    def refuse(thread: threading.Thread) -> None:
        if next(numbers) > allowed:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    pack_with(slowly, monkeypatch)
    with pytest.raises(RuntimeError), packing(Units(), 4) as packed:
        list(packed)


def slowly(*arguments: Any) -> PackedBatch:
    sleep(0.01)
    return packed_batch(*arguments)


@threads
def test_there_are_as_many_helpers_as_threads_which_all_pack_and_end_with_the_pool(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = record_the_asked(monkeypatch)
    pool = PackingPool(threads=threads, level=FAST)
    with nothing_left_behind(), closing(pool):
        assert not pool.has_helpers
        pool.start_helpers()
        assert pool.has_helpers
        started = children()
        pool.start_helpers()
        assert children() == started
        assert len(started) == threads
        with closing(pool.in_order(iter(Units(members=MIN_FOR_HELPER)))) as packed:
            assert numbers(packed) == list(range(COUNT))
        assert children() == started
    assert len(asked) == COUNT
    assert {helper._process.pid for helper in asked} == started


def record_the_asked(patch: pytest.MonkeyPatch) -> list[Helper]:
    """A list that grows with the helper that each batch is given to."""
    asked: list[Helper] = []
    pack = Helper.pack

    def recorded(helper: Helper, batch: Batch) -> PendingBatch:
        asked.append(helper)
        assert helper.pending_count < MAX_PENDING
        return pack(helper, batch)

    patch.setattr(Helper, "pack", recorded)
    return asked


def test_of_helpers_that_were_started_ahead_none_is_left_if_one_does_not_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start, numbers = subprocess.Popen, count(1)

    def refuse(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        if next(numbers) == 3:
            raise BlockingIOError("Resource temporarily unavailable")
        return start(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", refuse)
    pool = PackingPool(threads=4, level=FAST)
    refused = pytest.raises(HelperLost, match="temporarily unavailable")
    with nothing_left_behind(), refused, closing(pool):
        pool.start_helpers()


def test_small_batches_are_not_worth_a_helper(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = record_the_asked(monkeypatch)
    units = Units(members=MIN_FOR_HELPER - 1)
    with packing(units, 2, helpers=True) as packed:
        assert numbers(packed) == list(range(COUNT))
    assert asked == []


@pytest.mark.parametrize("stop", [0, 1, 7, COUNT])
def test_whenever_its_reader_gives_up_the_helpers_end(stop: int) -> None:
    with packing(Units(members=MIN_FOR_HELPER), 2, helpers=True) as packed:
        for _ in range(stop):
            next(packed)


def test_the_error_of_a_helper_ends_all_helpers(monkeypatch: pytest.MonkeyPatch) -> None:
    pack = Helper.pack

    def fail(helper: Helper, batch: Batch) -> PendingBatch:
        failing_at(20)(BatchPacker(FAST), batch.items, [])
        return pack(helper, batch)

    monkeypatch.setattr(Helper, "pack", fail)
    units = Units(members=MIN_FOR_HELPER)
    with pytest.raises(ZeroDivisionError), packing(units, 2, helpers=True) as packed:
        list(packed)


@threads
def test_units_may_be_packed_ahead_before_any_is_asked_for(threads: int) -> None:
    units = Units()
    pool = PackingPool(threads=threads, level=FAST)
    with nothing_left_behind(), closing(pool):
        taken = iter(units)
        pool.pack_ahead(taken, max_held=MAX_HELD)
        pool.pack_ahead(taken, max_held=MAX_HELD)
        assert units.taken == pool.in_flight
        assert numbers(pool.in_order(taken)) == list(range(COUNT))


def test_packing_ahead_stops_where_the_next_unit_is_not_known_and_goes_on_behind_it() -> None:
    units = iter([batch(0), None, None, batch(1), batch(2), None, batch(3)])
    pool = PackingPool(threads=2, level=FAST)
    with nothing_left_behind(), closing(pool):
        left = []
        for _ in range(4):
            pool.pack_ahead(units, max_held=MAX_HELD)
            left.append(length_hint(units))
        assert left == [5, 4, 1, 0]
        assert numbers(pool.in_order(units)) == [0, 1, 2, 3]


@pytest.mark.parametrize("helpers", [False, True])
def test_units_ahead_that_nobody_asks_for_are_closed_with_the_pool(helpers: bool) -> None:
    pool = PackingPool(threads=2, level=FAST)
    with nothing_left_behind(), closing(pool):
        if helpers:
            pool.start_helpers()
        pool.pack_ahead(iter(Units(members=MIN_FOR_HELPER)), max_held=MAX_HELD)
        assert open_roots() > 0
    assert open_roots() == 0


def open_roots() -> int:
    """How many descriptors batches hold open."""
    return list(descriptors().values()).count("/")


class NoisyUnits(Units):
    """Batches that packing makes no smaller."""

    size = MIN_FOR_HELPER * 6000

    def __iter__(self) -> Iterator[Batch]:
        for number, each in enumerate(super().__iter__()):
            noise = Random(number).randbytes(6000)
            each.items = [(b"RUN4/%d/" % number, MODE, noise)] * MIN_FOR_HELPER
            yield each


@pytest.mark.parametrize("threads", [1, 2])
def test_what_helpers_have_packed_ahead_stays_within_its_bound(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 10 * NoisyUnits.size
    monkeypatch.setattr("worker.packaging.workers.pool.MAX_HELD", most)
    units = NoisyUnits(members=MIN_FOR_HELPER)
    pool = PackingPool(threads=threads, level=FAST)
    with nothing_left_behind(), closing(pool):
        pool.start_helpers()
        taken = iter(units)

        def is_held() -> bool:
            pool.pack_ahead(taken, max_held=most)
            held = [asked.held for _, asked in pool._ahead if isinstance(asked, PendingBatch)]
            return sum(held) >= most

        wait_until(is_held)
        for _ in range(20):
            pool.pack_ahead(taken, max_held=most)
            sleep(0.01)
        assert 10 <= units.taken <= 10 + threads * MAX_PENDING
        for number, packed in enumerate(pool.in_order(taken)):
            assert number_of(packed) == number
            assert units.taken <= number + 1 + 10 + threads * MAX_PENDING
        assert number == COUNT - 1


def test_a_pool_that_is_not_used_starts_nothing() -> None:
    before = resources()
    with closing(PackingPool(threads=8, level=FAST)):
        assert resources() == before
