"""A parallel map whose failures are results."""

from collections.abc import Callable, Generator, Iterable
from functools import partial
from typing import TypeVar

from worker.errors import OneprefixError
from worker.process.threads import Results, Threads

T = TypeVar("T")
R = TypeVar("R")

#: Requests to S3 at a time. Each mostly waits for its answer.
DEFAULT_CONCURRENCY = 16


def map_parallel(
    items: Iterable[T], work: Callable[[T], R], *, concurrency: int = DEFAULT_CONCURRENCY
) -> Generator[tuple[T, R | OneprefixError]]:
    """Yield (item, result or error) in completion order, with bounded prefetch.

    At most `2 * concurrency` items are taken ahead of what has been yielded. An exception other
    than OneprefixError ends the map and is raised; closing the generator drops work not begun.
    """
    threads = Threads(concurrency, "bulk")
    results: Results[tuple[T, R | OneprefixError]] = Results()
    under_way = 0
    try:
        for item in items:
            threads.submit(partial(_outcome, work, item), results)
            under_way += 1
            if under_way == 2 * concurrency:
                yield results.take()
                under_way -= 1
        while under_way:
            yield results.take()
            under_way -= 1
    finally:
        threads.close(cancel=True)


def _outcome(work: Callable[[T], R], item: T) -> tuple[T, R | OneprefixError]:
    try:
        return item, work(item)
    except OneprefixError as error:
        return item, error
