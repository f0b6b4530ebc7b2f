"""Failures and other events at an exact call of the operating system."""

import errno
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

NOBODY = 65534


@dataclass(slots=True)
class Calls:
    count: int = 0


@contextmanager
def before_calls(function: str, act: Callable[..., object]) -> Iterator[Calls]:
    """Within the block, call `act(n, *arguments)` before the n-th call of `os.<function>`.

    Calls of all threads count. Those of other threads wait until the act is done.
    """
    original = getattr(os, function)
    calls = Calls()
    turn = threading.RLock()
    acting = False

    def stand_in(*args: Any, **kwargs: Any) -> Any:
        nonlocal acting
        with turn:
            if not acting:  # or it is the act that calls
                calls.count += 1
                acting = True
                try:
                    act(calls.count, *args)
                finally:
                    acting = False
        return original(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, function, stand_in)
        yield calls


def at_call(number: int, act: Callable[[], object]) -> Callable[..., None]:
    """Act before the call of that number only."""

    def acting(count: int, *arguments: object) -> None:
        if count == number:
            act()

    return acting


def calls_of(function: str, work: Callable[[], object]) -> int:
    with before_calls(function, lambda *call: None) as calls:
        work()
    return calls.count


def fail() -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


@contextmanager
def short_reads(most: int | Callable[[], int]) -> Iterator[None]:
    """Let each read give `most` bytes at most, as some file systems do."""
    read, pread, preadv = os.read, os.pread, os.preadv

    def limit() -> int:
        return most if isinstance(most, int) else most()

    def short_preadv(file: int, rooms: Sequence[memoryview], offset: int) -> int:
        return preadv(file, _clipped(rooms, limit()), offset)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "read", lambda file, asked: read(file, min(asked, limit())))
        patch.setattr(os, "pread", lambda file, asked, at: pread(file, min(asked, limit()), at))
        patch.setattr(os, "preadv", short_preadv)
        yield


def _clipped(rooms: Sequence[memoryview], most: int) -> list[memoryview]:
    """The first `most` bytes of the rooms."""
    first = []
    for room in rooms:
        first.append(room[:most])
        most -= len(first[-1])
    return first


@contextmanager
def without_privileges() -> Iterator[None]:
    """Run the block as a user whom file modes bind, which root is not."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
