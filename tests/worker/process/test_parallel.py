import threading
import time
from collections.abc import Iterator

import pytest

from worker.errors import OneprefixError, StorageUnavailable
from worker.process.parallel import map_parallel


def test_each_is_done_once_and_failures_are_told_beside_the_rest() -> None:
    def work(number: int) -> int:
        if number % 10 == 3:
            raise StorageUnavailable(f"{number} is away")
        return number * number

    found = dict(map_parallel(range(1000), work, concurrency=7))
    assert sorted(found) == list(range(1000))
    for number, result in found.items():
        if number % 10 == 3:
            assert isinstance(result, OneprefixError)
            assert str(result) == f"{number} is away"
        else:
            assert result == number * number


def test_only_so_many_are_done_at_once_and_only_few_are_taken_ahead() -> None:
    lock, taken, now, most = threading.Lock(), 0, 0, 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(100):
            taken += 1
            yield number

    def work(number: int) -> int:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.001)
        with lock:
            now -= 1
        return number

    for done, _ in enumerate(map_parallel(items(), work, concurrency=4), 1):
        assert taken <= done + 8
    assert most == 4


def test_nothing_is_done_for_nothing() -> None:
    assert list(map_parallel([], str)) == []


def test_a_fault_of_ours_ends_it_and_no_thread_is_left() -> None:
    before = threading.active_count()

    def work(number: int) -> int:
        return 1 // number

    with pytest.raises(ZeroDivisionError):
        list(map_parallel([3, 2, 1, 0], work, concurrency=2))
    assert threading.active_count() == before


def test_who_has_seen_enough_may_stop() -> None:
    done: list[int] = []
    results = map_parallel(range(1000), done.append, concurrency=2)
    next(results)
    results.close()
    assert len(done) < 20
