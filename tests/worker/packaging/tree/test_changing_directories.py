import shutil
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
from tests.worker.packaging.left_behind import nothing_left_behind
from tests.worker.packaging.trees import make, packager, packed
from worker.errors import TreeChanged


def add_a_file(directory: Path, name: str = "a/added") -> None:
    (directory / name).write_bytes(b"added")


def add_a_directory(run: Path) -> None:
    make(run / "a" / "inner" / "added", {"file": b""})


def remove_a_directory(run: Path) -> None:
    shutil.rmtree(run / "a")


def remove_the_empty_directory(run: Path) -> None:
    (run / "empty").rmdir()


def rename_a_directory(run: Path) -> None:
    (run / "b").rename(run / "renamed")


def move_a_file_back(run: Path) -> None:
    (run / "b" / "large").rename(run / "a" / "large")


def move_a_file_forth(run: Path) -> None:
    (run / "a" / "small").rename(run / "b" / "small")


def turn_a_link(run: Path) -> None:
    (run / "b" / "link").unlink()
    (run / "b" / "link").symlink_to("elsewhere")


def become_a_file(run: Path) -> None:
    shutil.rmtree(run / "a")
    (run / "a").write_bytes(b"file")


@pytest.mark.parametrize(
    "change",
    [
        add_a_file,
        add_a_directory,
        remove_a_directory,
        remove_the_empty_directory,
        rename_a_directory,
        move_a_file_back,
        move_a_file_forth,
        turn_a_link,
        become_a_file,
    ],
    ids=lambda change: change.__name__,
)
def test_whenever_a_directory_changes_its_archive_is_from_before_or_after_or_there_is_none(
    run_in_memory: Path, change: Callable[[Path], None]
) -> None:
    assert require_honesty(run_in_memory, TREE, change)


@pytest.mark.parametrize("where", ["a", "a/inner"])
def test_a_directory_that_changes_around_its_reader_is_named(run: Path, where: str) -> None:
    remake(run, TREE)
    add_it = reading(run / "a/inner/deep", 0, lambda: add_a_file(run / where, "new"))
    failure = failure_when(run, "read", add_it)
    assert failure == f"RUN4/{where}/ changed while it was being packed"


@pytest.mark.parametrize("opened", ["a", "b", "empty"])
def test_a_directory_that_changes_while_the_walk_is_beneath_it_is_named(
    run: Path, opened: str
) -> None:
    remake(run, TREE)
    add_it = opening(opened, lambda: add_a_file(run, "new"))
    failure = failure_when(run, "open", add_it)
    assert failure == "RUN4/ changed while it was being packed"


@pytest.mark.parametrize("opened", ["a", "b", "empty"])
def test_a_directory_that_changes_while_it_is_being_measured_is_named(
    run: Path, opened: str
) -> None:
    remake(run, TREE)
    add_it = opening(opened, lambda: add_a_file(run, "new"))
    changed = pytest.raises(TreeChanged, match=r"^RUN4 changed while it was being packed$")
    with nothing_left_behind(), changed, before_calls("open", add_it):
        packed(run)


def test_a_run_that_appears_between_measuring_and_packing_is_noticed(root: Path) -> None:
    remake(root / "RUN4", TREE)
    with packager(root).open(str(root)) as package:
        make(root / "RUN5", {"out": b""})
        failure_of(package)


def test_a_run_that_vanishes_before_its_turn_is_named(root: Path) -> None:
    make(root / "RUN3", {"out": b"three"})
    remake(root / "RUN4", TREE)
    with (
        packager(root).open(str(root)) as package,
        before_calls("open", opening("RUN4", lambda: shutil.rmtree(root / "RUN4"))),
    ):
        assert failure_of(package) == "RUN4/ can't be read: No such file or directory"
