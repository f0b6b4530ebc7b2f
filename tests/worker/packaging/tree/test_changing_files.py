import os
import re
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
    rewrite,
    rewrite_in_secret,
)
from tests.worker.packaging.helpers import before_a_helper_packs, helpers_for_everything
from tests.worker.packaging.left_behind import nothing_left_behind
from tests.worker.packaging.trees import MIB, content, make, packager
from worker.packaging.package import Packing


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def shrink(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def replace(path: Path) -> None:
    """Replace the file by a rename, as editors and atomic writers do."""
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


@pytest.mark.parametrize("change", [grow, shrink, rewrite, replace, delete, rename])
def test_a_small_file_that_changes_under_its_reader_is_named(
    run: Path, change: Callable[[Path], None]
) -> None:
    remake(run, TREE)
    change_it = reading(run / "a/small", 0, lambda: change(run / "a/small"))
    failure = failure_when(run, "read", change_it)
    assert changed(failure) == "RUN4/a/small"


@pytest.mark.parametrize("position", [0, MIB - 1])  # a segment is read with the byte before it
@pytest.mark.parametrize("change", [grow, shrink, rewrite, replace, delete, rename])
def test_a_large_file_that_changes_under_its_reader_is_named_or_its_directory(
    run: Path, change: Callable[[Path], None], position: int
) -> None:
    remake(run, TREE)
    change_it = reading(run / "b/large", position, lambda: change(run / "b/large"))
    failure = failure_when(run, "preadv", change_it)
    assert changed(failure) in {"RUN4/b/large", "RUN4/b/"}  # the plan may have left it or not


def changed(failure: str) -> str:
    """The name of the changed file or directory in the message."""
    named = re.fullmatch(r"(.*) changed( its size)? while it was being packed", failure)
    assert named, failure
    return named[1]


@pytest.mark.parametrize("victim", ["a/small", "b/large"])
def test_a_file_that_is_cut_short_before_it_is_read_is_named(run: Path, victim: str) -> None:
    remake(run, TREE)
    change_it = opening(Path(victim).name, lambda: shrink(run / victim))
    failure = failure_when(run, "open", change_it)
    assert failure == f"RUN4/{victim} changed while it was being packed"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (delete, "can't be read: No such file or directory"),
        (rename, "can't be read: No such file or directory"),
        (become_a_pipe, "is no regular file any more"),
        (become_a_directory, "can't be read: Is a directory"),
    ],
)
def test_a_file_that_is_gone_when_it_is_opened_is_named(
    run: Path, change: Callable[[Path], None], message: str
) -> None:
    remake(run, TREE)
    change_it = opening("small", lambda: change(run / "a" / "small"))
    failure = failure_when(run, "open", change_it)
    assert failure == f"RUN4/a/small {message}"


@pytest.mark.parametrize("victim", ["a/small", "b/large"])
@pytest.mark.parametrize("change", [grow, shrink, rewrite, rewrite_in_secret])
def test_a_file_that_changed_since_it_was_measured_is_named_though_its_size_may_be_the_same(
    run: Path, change: Callable[[Path], None], victim: str
) -> None:
    remake(run, TREE)
    with packager(run).open(str(run)) as package:
        change(run / victim)
        failure = failure_of(package)
    assert failure == f"RUN4/{victim} changed while it was being packed"


@pytest.mark.parametrize("victim", ["a/inner/deep", "a/small", "b/large", "last"])
@pytest.mark.parametrize("change", [delete, become_a_directory, become_a_pipe])
def test_a_file_that_has_gone_since_it_was_measured_is_noticed(
    run: Path, change: Callable[[Path], None], victim: str
) -> None:
    remake(run, TREE)
    with packager(run).open(str(run)) as package:
        change(run / victim)
        failure = failure_of(package)
    assert failure == f"{Path('RUN4', victim).parent}/ changed while it was being packed"


@pytest.mark.parametrize(
    ("size", "function"), [(0, "read"), (100, "read"), (2 * MIB, "preadv"), (2 * MIB + 9, "preadv")]
)
def test_a_file_that_does_not_stop_growing_is_not_followed(
    run: Path, size: int, function: str
) -> None:
    make(run, {"log": content("table", size)})

    def go_on(number: int, *arguments: object) -> None:
        assert number < 20, "still reading"
        with (run / "log").open("ab") as log:
            log.write(bytes(MIB))

    assert changed(failure_when(run, function, go_on)) == "RUN4/log"


def become_a_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


@pytest.mark.parametrize("victim", ["a/small", "a/inner/deep"])
@pytest.mark.parametrize(
    "change",
    [
        grow,
        shrink,
        rewrite,
        rewrite_in_secret,
        replace,
        delete,
        rename,
        become_a_directory,
        become_a_pipe,
        become_a_link,
    ],
    ids=lambda change: change.__name__,
)
def test_a_file_that_changes_before_a_helper_reads_it_is_named_or_its_directory(
    run: Path, change: Callable[[Path], None], victim: str
) -> None:
    remake(run, TREE)
    with (
        nothing_left_behind(),
        helpers_for_everything(),
        before_a_helper_packs(lambda: change(run / victim)),
        packager(run, Packing(threads=1, helpers=True)).open(str(run)) as package,
    ):
        failure = failure_of(package)
    assert re.match(f"RUN4/({victim}|{Path(victim).parent}/?) (changed|can't be|is no)", failure)
