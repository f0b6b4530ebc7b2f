"""Helper processes that are slow, or that something happens to."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from worker.packaging.workers import helper, pool
from worker.packaging.workers.messages import send

SHORT_READS = "read = os.read; os.read = lambda file, size: read(file, min(size, 701))"
SLOW_READS = "read = os.read; os.read = lambda *call: time.sleep(0.002) or read(*call)"
SLOW_TO_BEGIN = (
    "import marshal; loads = marshal.loads; "
    "marshal.loads = lambda *call: time.sleep(0.05) or loads(*call)"
)
ENDLESS_READS = "os.read = lambda *call: time.sleep(60)"


def failing_read(number: int) -> str:
    """A script that makes the n-th read of each helper fail."""
    return f"""
read, numbers = os.read, itertools.count(1)
def failing(*call):
    if next(numbers) == {number}:
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    return read(*call)
os.read = failing
"""


def prefixed(script: str) -> str:
    """The program of a helper that runs the script first."""
    return f"import errno, itertools, os, time\n{script}\n{helper._MAIN}"


@contextmanager
def helpers_with(script: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(helper, "_MAIN", prefixed(script))
        yield


@contextmanager
def helpers_for_everything() -> Iterator[None]:
    """Give even the smallest batch to a helper."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "MIN_FOR_HELPER", 1)
        yield


@contextmanager
def before_a_helper_packs(act: Callable[[], object]) -> Iterator[None]:
    """Act once, after the first batch is planned and before a helper gets it."""
    pending = [act]

    def acting(*message: Any) -> None:
        if pending:
            pending.pop()()
        send(*message)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("worker.packaging.workers.helper.send", acting)
        yield
