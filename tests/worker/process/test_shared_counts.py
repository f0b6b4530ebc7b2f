"""Counts of several processes add up, however the processes end."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from threading import Thread
from timeit import repeat

import pytest

from worker.process.shared_counts import SharedCounts


def in_a_fork(work: Callable[[], object], *, until_killed: bool = False) -> None:
    """Do the work in a fork, which then ends, or is killed."""
    pid = os.fork()
    if not pid:
        work()
        os.kill(os.getpid(), signal.SIGKILL if until_killed else signal.SIGTERM)
    os.waitpid(pid, 0)


def test_forks_add_to_the_same_counts_and_a_killed_one_takes_nothing_with_it() -> None:
    counts = SharedCounts(columns=3, rows=4)
    counts.add([(0, 1)])
    for killed in (True, False, True):
        in_a_fork(lambda: counts.add([(0, 1), (2, 0.5)]), until_killed=killed)
    assert counts.totals() == [4, 0, 1.5]


def test_more_processes_in_turn_than_rows_count_all() -> None:
    counts = SharedCounts(columns=1, rows=2)
    for _ in range(10):
        in_a_fork(lambda: counts.add([(0, 1)]), until_killed=True)
    assert counts.totals() == [10]


def test_a_process_that_finds_no_row_says_so_once_and_counts_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    counts = SharedCounts(columns=1, rows=1)
    ready, held = os.pipe(), os.pipe()
    pid = os.fork()
    if not pid:
        counts.add([(0, 1)])
        os.write(ready[1], b".")
        os.read(held[0], 1)
        os.kill(os.getpid(), signal.SIGKILL)
    os.read(ready[0], 1)
    for _ in range(3):
        counts.add([(0, 100)])
    os.write(held[1], b".")
    os.waitpid(pid, 0)
    assert counts.totals() == [1]
    assert len(caplog.records) == 1
    for each in (*ready, *held):
        os.close(each)


def test_threads_of_a_process_lose_nothing() -> None:
    counts = SharedCounts(columns=1, rows=1)

    def count() -> None:
        for _ in range(20_000):
            counts.add([(0, 1)])

    threads = [Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts.totals() == [80_000]


JOIN = """
import sys
from worker.process.shared_counts import SharedCounts
counts = SharedCounts(3, 2, file=int(sys.argv[1]))
counts.add([(1, 5)])
print(counts.totals())
"""


def test_a_command_that_inherits_the_descriptor_counts_too() -> None:
    counts = SharedCounts(columns=3, rows=2)
    counts.add([(0, 1)])
    done = subprocess.run(
        [sys.executable, "-c", JOIN, str(counts.descriptor)],
        pass_fds=(counts.descriptor,),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[1.0, 5.0, 0.0]"
    assert counts.totals() == [1, 5, 0]


def test_counting_takes_microseconds() -> None:
    """A small upload counts some ten times, and has 0.1 ms for that."""
    counts = SharedCounts(columns=300, rows=34)
    assert min(repeat(lambda: counts.add([(7, 1), (9, 0.5)]), number=1000, repeat=5)) < 0.01
