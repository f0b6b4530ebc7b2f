import os
import signal
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Self

import pytest

from tests.worker.packaging.changes import READING, TREE, failure_of, one_line, remake
from tests.worker.packaging.faults import (
    at_call,
    before_calls,
    calls_of,
    fail,
    without_privileges,
)
from tests.worker.packaging.helpers import failing_read, helpers_with
from tests.worker.packaging.left_behind import children, nothing_left_behind
from tests.worker.packaging.trees import make, packager, packed
from worker.errors import HelperLost, ResultsRootMissing, TransientError, TreeChanged
from worker.packaging.package import Packing
from worker.packaging.workers import units


@pytest.mark.parametrize("threads", [1, 2, 8])
@pytest.mark.parametrize("function", READING)
def test_whichever_call_fails_the_error_names_the_member_and_nothing_is_left_behind(
    run: Path, function: str, threads: int
) -> None:
    remake(run, TREE)
    packing = Packing(threads=threads, helpers=False)
    for number in range(1, calls_of(function, lambda: packed(run, packing)) + 1):
        with (
            nothing_left_behind(),
            pytest.raises(TransientError) as failure,
            before_calls(function, at_call(number, fail)),
        ):
            packed(run, packing)
        message = one_line(failure.value)
        assert "Input/output error" in message
        if (function, number) == ("open", 1):
            assert isinstance(failure.value, ResultsRootMissing)
        else:
            assert isinstance(failure.value, TreeChanged)
            assert "RUN4" in message
        del failure


@pytest.mark.parametrize("number", [1, 2, 30, 90])
def test_a_read_that_fails_in_a_helper_is_named_and_nothing_is_left_behind(
    run: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units, "BATCH_ENTRIES", 20)
    make(run, {f"{each:03}": b"0.1\n" for each in range(200)})
    with (
        nothing_left_behind(),
        helpers_with(failing_read(number)),
        pytest.raises(TreeChanged, match=r"^RUN4/\d+ can't be read: Input/output error$"),
    ):
        packed(run, Packing(helpers=True))


def test_a_helper_that_is_killed_is_said_to_be_lost_and_nothing_is_left_behind(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units, "BATCH_ENTRIES", 20)
    make(run, {f"{each:03}": b"0.1\n" for each in range(2000)})
    with (
        nothing_left_behind(),
        packager(run, Packing(helpers=True)).open(str(run)) as package,
    ):
        chunks = package.chunks()
        next(chunks)
        for pid in children():
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(HelperLost, match="ended with -9"):
            list(chunks)


@pytest.mark.parametrize("victim", ["a/small", "b/large", "a/inner/"])
def test_what_may_no_longer_be_read_is_named(run: Path, victim: str) -> None:
    remake(run, TREE)
    with packager(run).open(str(run)) as package:
        (run / victim).chmod(0)
        with without_privileges():
            assert failure_of(package) == f"RUN4/{victim} can't be read: Permission denied"
    (run / victim).chmod(0o700)


class FailingListing:
    """A directory's listing that fails at its n-th entry."""

    def __init__(self, entries: Iterator[Any], number: int) -> None:
        self._entries = list(entries)
        self._number = number

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._entries = []

    def __iter__(self) -> Iterator[Any]:
        for number, entry in enumerate(self._entries):
            if number == self._number:
                fail()
            yield entry


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("path", ["", "RUN4"])
def test_a_listing_that_fails_half_way_is_no_shorter_listing(
    root: Path, number: int, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(root / "RUN4", {"first": b"", "second": b"", "third": b""})
    make(root / "RUN5", {})
    make(root / "RUN6", {})
    scandir = os.scandir

    def failing(directory: Any) -> FailingListing:
        with scandir(directory) as entries:
            return FailingListing(entries, number)

    monkeypatch.setattr(os, "scandir", failing)
    with pytest.raises(TreeChanged, match="can't be read: Input/output error"):
        packed(root / path)


class Untyped:
    """An entry whose listing tells no type, and which fails when asked for one."""

    def __init__(self, entry: os.DirEntry[str]) -> None:
        self.name = entry.name

    def is_dir(self, *, follow_symlinks: bool) -> bool:
        fail()
        raise AssertionError

    is_file = is_dir


@pytest.mark.parametrize(
    ("path", "named"), [("", "results/RUN4"), ("RUN4", "RUN4/(a|b|empty|last)")]
)
def test_a_file_system_that_fails_to_tell_types_is_named(
    root: Path, path: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    remake(root / "RUN4", TREE)
    scandir = os.scandir

    def untyped(directory: Any) -> Any:
        with scandir(directory) as entries:
            return nullcontext([Untyped(entry) for entry in entries])

    monkeypatch.setattr(os, "scandir", untyped)
    with pytest.raises(TreeChanged, match=f"^{named} can't be read: Input/output error$"):
        packed(root / path)
