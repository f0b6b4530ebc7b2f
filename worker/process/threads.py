"""Threads that work tasks off, whatever a signal raises in the main thread while it waits.

`concurrent.futures` waits with locks written in Python, and one that is interrupted right after it
was acquired stays locked: its threads then wait for ever, and so does who joins them. That is how
Ctrl-C, or a soft time limit of Celery, would hang a worker. A SimpleQueue is written in C. (The
start of a thread has the same fault, and is over in microseconds.)
"""

from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


class Results(Generic[T]):
    """What work gave, in the order in which it was done."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[T | BaseException] = SimpleQueue()

    def add(self, work: Callable[[], T]) -> None:
        """Do the work."""
        try:
            self._queue.put(work())
        except BaseException as error:  # noqa: BLE001  raised by who takes it
            self._queue.put(error)

    def take(self, *, meanwhile: Callable[[], None] = lambda: None) -> T:
        """Wait for the next, and call `meanwhile` every second; raises what its work raised."""
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
    """At most `count`, each started once there is something for it to do."""

    def __init__(self, count: int, name: str) -> None:
        self._count = count
        self._name = name
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self._cancelled = False

    def submit(self, work: Callable[[], T], results: Results[T]) -> None:
        """Let a thread do the work, and put what it gives. RuntimeError without any thread."""
        if len(self._threads) < self._count:
            name = f"{self._name}-{len(self._threads)}"
            thread = Thread(target=self._work, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)
        self._tasks.put(partial(results.add, work))

    def close(self, *, cancel: bool = False, patience: float | None = None) -> None:
        """Wait until all is done; with `cancel` only what is being done, and drop the rest.

        What is not done after `patience` seconds is left to itself.
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
