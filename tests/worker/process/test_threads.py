import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.worker.packaging.processes import printed_by
from worker.process.threads import Results, Threads

#: Interrupted at random all the while, as by Ctrl-C: prints once it got through.
INTERRUPTED = """
import random, signal
from worker.process.threads import Results, Threads

def interrupt(number, frame):
    raise KeyboardInterrupt

signal.signal(signal.SIGALRM, interrupt)
interrupted = 0
for _ in range(1500):
    threads, results = Threads(2, "tried"), Results()
    for _ in range(2):  # so that they have started
        threads.submit(int, results)
        results.take()
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(0.00005, 0.0005))
        for _ in range(1000):
            threads.submit(int, results)
            results.take()
    except KeyboardInterrupt:
        interrupted += 1
    threads.close(cancel=True)
print(interrupted)
"""


@contextmanager
def threads(count: int) -> Iterator[Threads]:
    made = Threads(count, "tested")
    try:
        yield made
    finally:
        made.close(cancel=True)
        assert not [each for each in threading.enumerate() if each.name.startswith("tested")]


def test_results_come_as_they_are_done_and_errors_are_raised() -> None:
    results: Results[int] = Results()
    with threads(1) as one:
        one.submit(lambda: 1, results)
        one.submit(lambda: 1 // 0, results)
        one.submit(lambda: 3, results)
        assert results.take() == 1
        with pytest.raises(ZeroDivisionError):
            results.take()
        assert results.take() == 3


def test_there_are_as_many_as_work_at_once_and_no_more() -> None:
    results: Results[str] = Results()
    both = threading.Barrier(2, timeout=10)

    def work() -> str:
        both.wait()
        return threading.current_thread().name

    with threads(2) as two:
        for _ in range(6):
            two.submit(work, results)
        seen = {results.take() for _ in range(6)}
    assert seen == {"tested-0", "tested-1"}


@pytest.mark.parametrize(("cancel", "done"), [(False, [1, 2, 3]), (True, [1])])
def test_closing_waits_for_all_or_for_what_is_being_done(cancel: bool, done: list[int]) -> None:
    results: Results[None] = Results()
    begun, go_on, did = threading.Event(), threading.Event(), []

    def work(number: int) -> None:
        begun.set()
        assert go_on.wait(10)
        did.append(number)

    one = Threads(1, "tested")
    for number in (1, 2, 3):
        one.submit(lambda number=number: work(number), results)  # type: ignore[misc]
    assert begun.wait(10)
    closing = threading.Thread(target=lambda: one.close(cancel=cancel))
    closing.start()
    closing.join(0.05)
    assert closing.is_alive()
    go_on.set()
    closing.join(10)
    assert did == done


def test_closing_with_patience_leaves_what_hangs_to_itself() -> None:
    results: Results[bool] = Results()
    begun, go_on = threading.Event(), threading.Event()

    def hang() -> bool:
        begun.set()
        return go_on.wait(10)

    one = Threads(1, "tested")
    one.submit(hang, results)
    assert begun.wait(10)
    one.close(cancel=True, patience=0.1)
    go_on.set()
    assert results.take()


def test_who_waits_long_looks_around_meanwhile() -> None:
    def look() -> None:
        raise KeyboardInterrupt

    results: Results[None] = Results()
    with pytest.raises(KeyboardInterrupt):
        results.take(meanwhile=look)


def test_an_exception_out_of_a_signal_leaves_nobody_waiting_for_ever() -> None:
    assert int(printed_by(INTERRUPTED)) > 1000
