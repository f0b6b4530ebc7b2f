import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.worker.packaging.changes import (
    TREE,
    failure_of,
    failure_when,
    opening,
    reading,
    remake,
    require_honesty,
)
from tests.worker.packaging.faults import before_calls
from tests.worker.packaging.trees import MIB, content, make, packager


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def shrink(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def rewrite(path: Path) -> None:
    path.write_bytes(path.read_bytes()[::-1])


def replace(path: Path) -> None:
    """By a rename, as editors and atomic writers do."""
    new = path.with_name("new")
    new.write_bytes(path.read_bytes()[::-1])
    new.rename(path)


def delete(path: Path) -> None:
    path.unlink()


def rename(path: Path) -> None:
    path.rename(path.with_name("renamed"))


def become_a_directory(path: Path) -> None:
    path.unlink()
    make(path, {"inner": b""})


def become_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("victim", ["a/small", "b/large"])
@pytest.mark.parametrize(
    "change",
    [grow, shrink, rewrite, replace, delete, rename, become_a_directory, become_a_pipe],
    ids=lambda change: change.__name__,
)
def test_whenever_a_file_changes_its_archive_is_from_before_or_after_or_there_is_none(
    run_in_memory: Path, change: Callable[[Path], None], victim: str
) -> None:
    assert require_honesty(run_in_memory, TREE, lambda run: change(run / victim))


@pytest.mark.parametrize(("victim", "position"), [("a/small", 0), ("b/large", MIB)])
@pytest.mark.parametrize("change", [grow, shrink])
def test_a_file_that_grows_or_shrinks_under_its_reader_is_named(
    run: Path, change: Callable[[Path], None], victim: str, position: int
) -> None:
    remake(run, TREE)
    change_it = reading(run / victim, position, lambda: change(run / victim))
    failure = failure_when(run, "read", change_it)
    assert failure == f"RUN4/{victim} changed its size while it was being packed"


@pytest.mark.parametrize(("victim", "position"), [("a/small", 0), ("b/large", MIB)])
@pytest.mark.parametrize("change", [rewrite, replace, delete, rename])
def test_a_file_that_changes_under_its_reader_is_named(
    run: Path, change: Callable[[Path], None], victim: str, position: int
) -> None:
    remake(run, TREE)
    change_it = reading(run / victim, position, lambda: change(run / victim))
    failure = failure_when(run, "read", change_it)
    assert failure == f"RUN4/{victim} changed while it was being packed"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (delete, "can't be read: No such file or directory"),
        (rename, "can't be read: No such file or directory"),
        (become_a_pipe, "is no regular file any more"),
        (become_a_directory, "is no regular file any more"),
    ],
)
def test_a_file_that_is_gone_when_it_is_opened_is_named(
    run: Path, change: Callable[[Path], None], message: str
) -> None:
    remake(run, TREE)
    change_it = opening("small", lambda: change(run / "a" / "small"))
    failure = failure_when(run, "open", change_it)
    assert failure == f"RUN4/a/small {message}"


@pytest.mark.parametrize("change", [grow, shrink, delete])
def test_a_file_that_changed_since_it_was_measured_is_noticed(
    run: Path, change: Callable[[Path], None]
) -> None:
    remake(run, TREE)
    with packager(run).open(str(run)) as package:
        change(run / "a" / "small")
        assert "between measuring and packing" in failure_of(package)


@pytest.mark.parametrize("size", [0, 100, 2 * MIB])
def test_a_file_that_does_not_stop_growing_is_given_up_at_its_first_byte_too_many(
    run: Path, size: int
) -> None:
    make(run, {"log": content("table", size)})

    def go_on(number: int, *arguments: object) -> None:
        assert number < 10, "still reading"
        with (run / "log").open("ab") as log:
            log.write(bytes(MIB))

    with packager(run).open(str(run)) as package, before_calls("read", go_on):
        assert failure_of(package) == "RUN4/log changed its size while it was being packed"
