import os
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from itertools import count
from random import Random
from time import sleep
from typing import Any

import pytest

from tests.worker.packaging.left_behind import children, nothing_left_behind
from worker.errors import HelperLost
from worker.packaging import pool as pool_module
from worker.packaging.batch import PackedBatch, pack_batch
from worker.packaging.deflate import FAST
from worker.packaging.helper import Helper
from worker.packaging.plan import Batch
from worker.packaging.pool import WORTH_A_HELPER, Packed, PackingPool

threads = pytest.mark.parametrize("threads", [1, 2, 8])
COUNT = 40


def batch(number: int, *, members: int = 1) -> Batch:
    """A batch that holds a descriptor, whatever for."""
    batch = Batch()
    for member in range(members):
        batch.add(b"RUN4/%d/%d/" % (number, member), (stat.S_IFDIR | 0o755, 0), b"")
    batch.descriptors.append(os.open("/", os.O_RDONLY))
    return batch


class Units:
    """Batches, counted as they are taken."""

    def __init__(self, *, members: int = 1) -> None:
        self.taken = 0
        self._members = members

    def __iter__(self) -> Iterator[Batch]:
        for number in range(COUNT):
            self.taken += 1
            yield batch(number, members=self._members)


@contextmanager
def packing(units: Units, threads: int, *, helpers: bool = False) -> Iterator[Iterator[Packed]]:
    """What a pool gives, which is closed in the end, wherever it stands."""
    pool = PackingPool(threads=threads, level=FAST, helpers=helpers)
    with nothing_left_behind(), closing(pool), closing(pool.in_order(units)) as packed:
        yield packed


def numbers(packed: Iterator[Packed]) -> list[int]:
    """Of the batches."""
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
        return pack_batch(*arguments)

    monkeypatch.setattr(pool_module, "pack_batch", slow)
    with packing(Units(), threads) as packed:
        assert numbers(packed) == list(range(COUNT))


@threads
def test_no_more_than_a_window_is_packed_ahead(threads: int) -> None:
    units = Units()
    with packing(units, threads) as packed:
        for number, each in enumerate(packed):
            assert number_of(each) == number
            assert units.taken <= number + 1 + 2 * threads + 2


@threads
def test_as_many_are_packed_at_once_as_there_are_threads(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(threads, timeout=10)

    def waiting(*arguments: Any) -> PackedBatch:
        together.wait()
        return pack_batch(*arguments)

    monkeypatch.setattr(pool_module, "pack_batch", waiting)
    with packing(Units(), threads) as packed:
        assert numbers(packed) == list(range(COUNT))


@threads
def test_the_error_of_a_unit_comes_in_its_turn_and_everything_is_closed(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for failing in range(COUNT):
        monkeypatch.setattr(pool_module, "pack_batch", partial(fail_at, failing))
        seen: list[int] = []
        with pytest.raises(ZeroDivisionError), packing(Units(), threads) as packed:
            seen.extend(map(number_of, packed))
        assert seen == list(range(failing))


def fail_at(failing: int, items: Any, descriptors: Any, *arguments: Any) -> PackedBatch:
    if items[0][0].startswith(b"RUN4/%d/" % failing):
        raise ZeroDivisionError
    return pack_batch(items, descriptors, *arguments)


class BrokenUnits(Units):
    """They end with an error."""

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
        assert units.taken <= stop + 2 * threads + 2 + (stop > 0)


@threads
def test_no_unit_is_closed_under_the_thread_that_packs_it(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def watch(items: Any, descriptors: Any, *arguments: Any) -> PackedBatch:
        sleep(0.01)
        seen.append(bool(descriptors))
        return pack_batch(items, descriptors, *arguments)

    monkeypatch.setattr(pool_module, "pack_batch", watch)
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
    monkeypatch.setattr(pool_module, "pack_batch", slowly)
    with pytest.raises(RuntimeError), packing(Units(), 4) as packed:
        list(packed)


def slowly(*arguments: Any) -> PackedBatch:
    sleep(0.01)
    return pack_batch(*arguments)


@threads
def test_each_thread_has_a_helper_of_its_own_which_ends_with_the_pool(threads: int) -> None:
    units = Units(members=WORTH_A_HELPER)
    with packing(units, threads, helpers=True) as packed:
        next(packed)
        assert 1 <= len(children()) <= threads
        assert numbers(packed) == list(range(1, COUNT))
        assert len(children()) <= threads


@threads
def test_helpers_that_were_started_ahead_are_those_that_pack(threads: int) -> None:
    pool = PackingPool(threads=threads, level=FAST, helpers=False)
    with nothing_left_behind(), closing(pool):
        pool.start_helpers()
        ahead = children()
        pool.start_helpers()
        assert children() == ahead
        assert len(ahead) == threads
        with closing(pool.in_order(Units(members=WORTH_A_HELPER))) as packed:
            assert numbers(packed) == list(range(COUNT))
        assert children() == ahead


def test_of_helpers_that_were_started_ahead_none_is_left_if_one_does_not_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start, numbers = subprocess.Popen, count(1)

    def refuse(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        if next(numbers) == 3:
            raise BlockingIOError("Resource temporarily unavailable")
        return start(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", refuse)
    pool = PackingPool(threads=4, level=FAST, helpers=False)
    refused = pytest.raises(HelperLost, match="temporarily unavailable")
    with nothing_left_behind(), refused, closing(pool):
        pool.start_helpers()


def test_small_batches_are_not_worth_a_helper() -> None:
    units = Units(members=WORTH_A_HELPER - 1)
    with packing(units, 2, helpers=True) as packed:
        assert numbers(packed) == list(range(COUNT))
        assert children() == set()


@pytest.mark.parametrize("stop", [0, 1, 7, COUNT])
def test_whenever_its_reader_gives_up_the_helpers_end(stop: int) -> None:
    with packing(Units(members=WORTH_A_HELPER), 2, helpers=True) as packed:
        for _ in range(stop):
            next(packed)


def test_the_error_of_a_helper_ends_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    pack = Helper.pack

    def fail(helper: Helper, items: Any, descriptors: Any) -> PackedBatch:
        fail_at(20, items, descriptors, FAST)
        return pack(helper, items, descriptors)

    monkeypatch.setattr(Helper, "pack", fail)
    units = Units(members=WORTH_A_HELPER)
    with pytest.raises(ZeroDivisionError), packing(units, 2, helpers=True) as packed:
        list(packed)


def test_a_pool_that_is_not_used_starts_nothing() -> None:
    with nothing_left_behind(), closing(PackingPool(threads=8, level=FAST, helpers=True)):
        assert children() == set()
