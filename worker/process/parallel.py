"""Does the same to many things, some at a time, and tells what became of each."""

from collections.abc import Callable, Generator, Iterable
from functools import partial
from typing import TypeVar

from worker.errors import OneprefixError
from worker.process.threads import Results, Threads

T = TypeVar("T")
R = TypeVar("R")

#: Requests to S3 at a time. Each waits for its answer, mostly.
AT_ONCE = 16


def each_of(
    items: Iterable[T], work: Callable[[T], R], *, at_once: int = AT_ONCE
) -> Generator[tuple[T, R | OneprefixError]]:
    """Each item with what `work` gave or how it failed, whichever is first; few are taken ahead.

    What `work` raises beside OneprefixError ends it all, as does closing the generator.
    """
    threads = Threads(at_once, "bulk")
    results: Results[tuple[T, R | OneprefixError]] = Results()
    under_way = 0
    try:
        for item in items:
            threads.submit(partial(_done, work, item), results)
            under_way += 1
            if under_way == 2 * at_once:
                yield results.take()
                under_way -= 1
        while under_way:
            yield results.take()
            under_way -= 1
    finally:
        threads.close(cancel=True)


def _done(work: Callable[[T], R], item: T) -> tuple[T, R | OneprefixError]:
    try:
        return item, work(item)
    except OneprefixError as error:
        return item, error
