"""An archive is of one moment: no file of it changed while others were still read."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.worker.packaging.left_behind import nothing_left_behind
from tests.worker.packaging.trees import make, packager
from worker.errors import InvalidResultsDirectory, TreeChanged, Unfinished
from worker.packaging.package import Packing, TreePackager

MANY = 3000
WITH_HELPERS, IN_THREADS = Packing(helpers=True), Packing(helpers=False)


def name(number: int) -> str:
    return f"f{number:04}"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    small = {name(number): b"old" for number in range(MANY)}
    return make(tmp_path / "RUN4", {"a": small, "b": small, "large": b"old" * 2_000_000})


def change(path: Path) -> None:
    path.write_bytes(b"new")


def pack(run: Path, packing: Packing, act: Callable[[], object]) -> int:
    """Pack the run; `act` once all of `a` and half of `b` were packed."""
    with nothing_left_behind(), packager(run, packing).open(str(run)) as package:
        chunks = package.chunks()
        size = 0
        while package.bytes_done < 3 * (MANY + MANY // 2):
            size += len(next(chunks))
        act()
        return size + sum(map(len, chunks))


@pytest.mark.parametrize("packing", [WITH_HELPERS, IN_THREADS], ids=["helpers", "threads"])
@pytest.mark.parametrize("victim", [f"a/{name(0)}", f"a/{name(700)}"])
def test_a_file_that_changes_after_it_was_packed_is_noticed(
    run: Path, packing: Packing, victim: str
) -> None:
    with pytest.raises(TreeChanged, match=f"RUN4/{victim} changed"):
        pack(run, packing, lambda: change(run / victim))


@pytest.mark.parametrize("packing", [WITH_HELPERS, IN_THREADS], ids=["helpers", "threads"])
def test_no_archive_holds_an_old_first_and_a_new_last_file(run: Path, packing: Packing) -> None:
    """The first is packed while the walk goes on; the last is not even measured then."""
    measured = 0

    def changing() -> None:
        nonlocal measured
        measured += 1
        if measured == 20:
            change(run / f"a/{name(0)}")
            change(run / f"b/{name(MANY - 1)}")

    packing_it = packager(run, packing).open(str(run), changing)
    noticed = pytest.raises(TreeChanged, match=f"RUN4/a/{name(0)}")
    with nothing_left_behind(), noticed, packing_it as package:
        sum(map(len, package.chunks()))


def test_a_directory_that_changes_after_it_was_left_is_noticed(run: Path) -> None:
    with pytest.raises(TreeChanged, match="RUN4/a/ changed"):
        pack(run, IN_THREADS, (run / "a" / "late").touch)


def test_a_file_that_is_read_meanwhile_is_none_that_changed(run: Path) -> None:
    assert pack(run, IN_THREADS, (run / "a" / name(0)).read_bytes)


class TestALimitOfSize:
    @pytest.mark.parametrize(("max_bytes", "is_refused"), [(None, False), (30, False), (29, True)])
    def test_a_run_beyond_it_is_refused_before_anything_is_packed(
        self, tmp_path: Path, max_bytes: int | None, is_refused: bool
    ) -> None:
        run = tmp_path / "RUN4"
        (run / "deep").mkdir(parents=True)
        (run / "a").write_bytes(b"x" * 10)
        (run / "deep" / "b").write_bytes(b"x" * 20)
        limited = TreePackager((tmp_path,), max_bytes=max_bytes)
        if is_refused:
            with pytest.raises(InvalidResultsDirectory, match="ONEPREFIX_MAX_RUN_GIB"):
                limited.open(str(run)).__enter__()
        else:
            with limited.open(str(run)) as package:
                assert package.bytes_total == 30


class TestAMarker:
    def test_without_it_a_run_is_not_complete(self, tmp_path: Path) -> None:
        run = make(tmp_path / "RUN4", {"out.csv": b"1", "sub": {"DONE": b""}})
        marked = TreePackager((tmp_path,), complete_marker="DONE")
        waits = pytest.raises(Unfinished, match=r"waits for the file 'DONE' in 'RUN4'")
        with waits, marked.open(str(run)):
            pass
        (run / "DONE").touch()
        with marked.open(str(run)) as package:
            assert package.file_count == 3

    def test_each_run_of_a_directory_needs_its_own(self, tmp_path: Path) -> None:
        job = make(tmp_path / "job", {"RUN1": {"DONE": b""}, "RUN2": {"a": b""}, "DONE": b""})
        marked = TreePackager((tmp_path,), complete_marker="DONE")
        with pytest.raises(Unfinished, match="'RUN2'"), marked.open(str(job)):
            pass


def test_a_fingerprint_tells_of_any_change(tmp_path: Path) -> None:
    run = make(tmp_path / "RUN4", {"a": {"b": b"1"}})

    def fingerprint() -> str:
        with packager(run).open(str(run)) as package:
            return package.fingerprint

    seen = [fingerprint()]
    assert fingerprint() == seen[0]
    for change_ in (
        lambda: (run / "a" / "b").write_bytes(b"2"),
        (run / "a" / "c").touch,
        lambda: (run / "a" / "c").rename(run / "a" / "d"),
        lambda: os.utime(run, ns=(1, 1)),
    ):
        change_()
        assert fingerprint() not in seen
        seen.append(fingerprint())
