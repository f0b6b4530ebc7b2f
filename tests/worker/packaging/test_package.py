import os
import stat
from collections.abc import Mapping
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.worker.packaging.archives import held
from tests.worker.packaging.faults import before_calls
from tests.worker.packaging.helpers import SLOW_TO_BEGIN, helpers_with
from tests.worker.packaging.left_behind import children, nothing_left_behind
from tests.worker.packaging.trees import (
    KIB,
    MIB,
    ODD_NAMES,
    SIZES,
    LinkTo,
    Node,
    content,
    described,
    dress,
    make,
    packager,
    packed,
    set_time,
    trees,
)
from worker.models.archive import Archive
from worker.packaging.package import Packing, TreePackage, TreePackager
from worker.packaging.tree.selection import Selection
from worker.packaging.tree.survey import Survey
from worker.packaging.workers.helper import Helper, PendingBatch
from worker.packaging.workers.pool import PackingPool
from worker.packaging.workers.units import Batch
from worker.packaging.zip.deflate import FAST


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tree=trees, seed=st.integers(0, 2**32))
def test_an_archive_holds_exactly_the_tree_and_stays_below_its_bound(
    tree: Mapping[str, Node], seed: int
) -> None:
    with TemporaryDirectory() as directory:
        run = make(Path(directory).resolve() / "RUN4", tree)
        dress(run, Random(seed))
        expected = described(run)
        files = [kept for kept in expected.values() if stat.S_ISREG(kept.mode)]
        with packager(run).open(str(run)) as package:
            assert package.file_count == len(files)
            assert package.bytes_total == sum(len(kept.data) for kept in files)
            archive = b"".join(package.chunks())
            assert package.archive == Archive(len(files), package.bytes_total, len(archive))
    assert held(archive) == expected
    assert len(archive) <= package.size_bound


@pytest.mark.parametrize("kind", ["random", "zeros", "table"])
@pytest.mark.parametrize("size", SIZES)
def test_files_of_every_size_keep_their_bytes(run: Path, size: int, kind: str) -> None:
    make(run, {"out": content(kind, size)})
    assert held(packed(run))[b"RUN4/out"].data == content(kind, size)


@pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
def test_odd_names_are_kept_byte_by_byte(run: Path, name: str) -> None:
    make(run, {name: {name: b"inner"}})
    raw = os.fsencode(name)
    kept = held(packed(run))
    assert list(kept) == [b"RUN4/", b"RUN4/" + raw + b"/", b"RUN4/" + raw + b"/" + raw]
    assert kept[b"RUN4/" + raw + b"/" + raw].data == b"inner"


def test_an_empty_run_is_an_archive_of_one_directory(run: Path) -> None:
    make(run, {})
    assert list(held(packed(run))) == [b"RUN4/"]


def test_modes_are_kept_with_their_special_bits(run: Path) -> None:
    make(run, {"tool": b"", "private": b"", "shared": {}})
    wanted = {run / "tool": 0o4755, run / "private": 0o600, run / "shared": 0o1777}
    for path, mode in wanted.items():
        path.chmod(mode)
    kept = held(packed(run))
    assert kept[b"RUN4/tool"].mode == stat.S_IFREG | 0o4755
    assert kept[b"RUN4/private"].mode == stat.S_IFREG | 0o600
    assert kept[b"RUN4/shared/"].mode == stat.S_IFDIR | 0o1777


def test_modification_times_are_kept_to_the_second(run: Path) -> None:
    make(run, {"odd": b"", "inner": {}, "link": LinkTo("odd")})
    set_time(run / "odd", 1_700_000_001, nanoseconds=999)
    set_time(run / "inner", 1_600_000_003)
    set_time(run / "link", 1_500_000_005)
    kept = held(packed(run))
    assert kept[b"RUN4/odd"].mtime == 1_700_000_001
    assert kept[b"RUN4/inner/"].mtime == 1_600_000_003
    assert kept[b"RUN4/link"].mtime == 1_500_000_005


def test_the_last_nanosecond_of_a_second_belongs_to_it(run: Path) -> None:
    make(run, {"out": b""})
    set_time(run / "out", 1_700_000_001, nanoseconds=999_999_999)
    assert held(packed(run))[b"RUN4/out"].mtime == 1_700_000_001


def test_each_name_of_a_hard_linked_file_is_a_file(run: Path) -> None:
    make(run, {"one": b"same"})
    (run / "two").hardlink_to(run / "one")
    kept = held(packed(run))
    assert kept[b"RUN4/one"].data == kept[b"RUN4/two"].data == b"same"


def test_progress_counts_the_files_bytes_as_they_are_packed(run: Path) -> None:
    make(run, {"first": content("random", 5 * MIB), "second": b"12345"})
    with packager(run).open(str(run)) as package:
        seen = [package.bytes_done for _ in package.chunks()]
    assert seen == sorted(seen)
    assert 0 in seen
    assert any(0 < done < 5 * MIB for done in seen)
    assert package.bytes_done == 5 * MIB + 5


def test_a_link_is_no_file_and_none_of_the_trees_bytes(run: Path) -> None:
    make(run, {"out": b"four", "link": LinkTo("out")})
    with packager(run).open(str(run)) as package:
        b"".join(package.chunks())
        assert (package.archive.file_count, package.archive.bytes_total) == (1, 4)


def test_helpers_begin_to_pack_while_the_walk_goes_on(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(run, {f"{each:02}": {f"{n:02}": b"0.1\n" for n in range(40)} for each in range(40)})
    steps: list[str] = []
    pack, complete = Helper.pack, Survey.complete

    def packing(helper: Helper, batch: Batch) -> PendingBatch:
        steps.append("a batch")
        return pack(helper, batch)

    def ending(survey: Survey) -> None:
        steps.append("the walk's end")
        complete(survey)

    monkeypatch.setattr(Helper, "pack", packing)
    monkeypatch.setattr(Survey, "complete", ending)
    with packager(run, Packing(helpers=True)).open(str(run)) as package:
        assert steps[0] == "a batch"
        assert steps[-1] == "the walk's end"
        assert held(b"".join(package.chunks())) == described(run)


def test_without_helpers_nothing_is_packed_before_it_is_asked_for(run: Path) -> None:
    make(run, {"out": b"four"})
    with (
        before_calls("read", lambda *call: None) as reads,
        packager(run, Packing(helpers=False)).open(str(run)) as package,
    ):
        assert reads.count == 0
        next(package.chunks())
        assert reads.count == 1


@pytest.mark.timeout(60)
def test_links_that_fill_the_way_to_a_helper_do_not_stop_it(run: Path) -> None:
    noise = [Random(number).randbytes(4000).translate(None, b"\0/") for number in range(1500)]
    make(run, {f"{at:04}": LinkTo(os.fsdecode(target)) for at, target in enumerate(noise)})
    make(run / "2", {f"{number:02}": content("random", 200 * KIB) for number in range(60)})
    expected = packed(run, Packing(helpers=False))
    with helpers_with(SLOW_TO_BEGIN):
        assert packed(run, Packing(helpers=True)) == expected


def test_the_walk_tells_that_it_moves_and_ends_where_that_fails(run: Path) -> None:
    make(run, {f"{number:02}": {"out": b""} for number in range(10)})
    moves: list[None] = []
    with packager(run).open(str(run), moved=lambda: moves.append(None)):
        assert len(moves) >= 20

    def fail() -> None:
        raise ZeroDivisionError

    failing = pytest.raises(ZeroDivisionError)
    with nothing_left_behind(), failing, packager(run).open(str(run), moved=fail):
        pass


@pytest.mark.parametrize(
    ("tree", "helpers", "expected"),
    [
        ({str(number): b"small" for number in range(30)}, None, 2),
        ({str(number): b"small" for number in range(29)}, None, 0),
        ({str(number): bytes(100 * KIB) for number in range(30)}, None, 0),
        ({str(number): b"small" for number in range(30)}, False, 0),
        ({str(number): b"small" for number in range(9)}, True, 2),
    ],
    ids=["many small", "few", "large", "many, but without", "few, but with"],
)
def test_helpers_pack_many_small_files_or_as_they_are_told(
    run: Path,
    tree: Mapping[str, Node],
    helpers: bool | None,
    expected: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("worker.packaging.tree.measure.MANY", 30)
    make(run, tree)
    with packager(run, Packing(threads=2, helpers=helpers)).open(str(run)) as package:
        b"".join(package.chunks())
        assert len(children()) == expected


def test_making_a_packager_or_a_package_has_no_effect(run: Path) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a constructor had an effect")

    with nothing_left_behind(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("worker.packaging.package.keep_freed_memory", refuse)
        for function in ("open", "dup", "stat", "fstat", "scandir", "read"):
            patch.setattr(os, function, refuse)
        TreePackager((run.parent,))
        selection = Selection(-1, "RUN4", "RUN*", matching=None)
        TreePackage(selection, PackingPool(threads=1, level=FAST)).close()
