"""Failures and acts at an exact call of the operating system."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

NOBODY = 65534


@dataclass(slots=True)
class Calls:
    count: int = 0


@contextmanager
def before_calls(function: str, act: Callable[..., object]) -> Iterator[Calls]:
    """Within the block `act(n, *arguments)` comes before the n-th call of `os.<function>`."""
    original = getattr(os, function)
    calls = Calls()
    acting = False

    def stand_in(*args: Any, **kwargs: Any) -> Any:
        nonlocal acting
        if not acting:
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
    """Acts before that call only."""

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
def without_privileges() -> Iterator[None]:
    """As a user whom modes bind, which root is not."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def open_below(directory: Path) -> set[str]:
    """What this process holds open of the directory."""
    targets = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing's own descriptor is closed by now
            targets.add(str(descriptor.readlink()))
    return {target for target in targets if Path(target).is_relative_to(directory)}
