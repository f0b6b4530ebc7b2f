"""A thread pool that survives an exception raised by a signal handler in the waiting thread.

`concurrent.futures` waits with locks written in Python. A signal handler that raises right after
such a lock was acquired leaves it locked, and then its threads, and whoever joins them, wait for
ever: that is how Ctrl-C, or a soft time limit of Celery, would hang a worker. A SimpleQueue is
written in C. (Starting a thread has the same fault, for microseconds.)
"""

from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


class Results(Generic[T]):
    """Results in completion order; `take` raises an exception among them."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[T | BaseException] = SimpleQueue()

    def add(self, work: Callable[[], T]) -> None:
        """Do the work in the calling thread and keep its result or exception."""
        try:
            self._queue.put(work())
        except BaseException as error:  # noqa: BLE001  raised by take()
            self._queue.put(error)

    def take(self, *, meanwhile: Callable[[], None] = lambda: None) -> T:
        """Return the next result or raise its exception; call `meanwhile` each second."""
        while True:
            try:
                result = self._queue.get(timeout=1.0)
                break
            except Empty:
                meanwhile()
        if isinstance(result, BaseException):
            raise result
        return result


class Threads:
    """At most `count` daemon threads, each started when there is work for it."""

    def __init__(self, count: int, name: str) -> None:
        self._count = count
        self._name = name
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self._cancelled = False

    def submit(self, work: Callable[[], T], results: Results[T]) -> None:
        """Have a thread do the work and add its result. RuntimeError if no thread can start."""
        if len(self._threads) < self._count:
            name = f"{self._name}-{len(self._threads)}"
            thread = Thread(target=self._work, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)
        self._tasks.put(partial(results.add, work))

    def close(self, *, cancel: bool = False, patience: float | None = None) -> None:
        """Wait until all work is done; with `cancel`, drop work not begun.

        After `patience` seconds return all the same; the threads are left to themselves.
        """
        self._cancelled = cancel
        self._tasks.put(None)
        until = None if patience is None else monotonic() + patience
        for thread in self._threads:
            thread.join(None if until is None else max(0.0, until - monotonic()))

    def _work(self) -> None:
        while self._did_one():
            pass

    def _did_one(self) -> bool:
        task = self._tasks.get()
        if task is None:
            self._tasks.put(None)  # for the others
            return False
        if not self._cancelled:
            task()
        return True
