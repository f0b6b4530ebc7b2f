import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.worker.packaging.archives import names_in
from tests.worker.packaging.changes import failure_when, opening
from tests.worker.packaging.trees import LinkTo, make, packager, packed
from worker.errors import InvalidResultsDirectory
from worker.models.archive import Archive
from worker.packaging.package import TreePackager


def test_a_run_directory_is_packed_under_its_own_name(root: Path) -> None:
    make(root / "RUN4", {"out.csv": b"1", "RUN5": {"out.csv": b"2"}, "other": {}})
    assert names_in(packed(root / "RUN4")) == [
        b"RUN4/",
        b"RUN4/RUN5/",
        b"RUN4/RUN5/out.csv",
        b"RUN4/other/",
        b"RUN4/out.csv",
    ]


def test_of_a_directory_that_holds_runs_only_these_are_packed(root: Path) -> None:
    make(
        root / "job",
        {
            "RUN1": {"out.csv": b"1", "notes": b"2"},
            "RUN2": {"inner": {"RUN9": b""}},
            "other": {"RUN7": {"out.csv": b""}},
            "config.json": b"{}",
        },
    )
    assert names_in(packed(root / "job")) == [
        b"RUN1/",
        b"RUN1/notes",
        b"RUN1/out.csv",
        b"RUN2/",
        b"RUN2/inner/",
        b"RUN2/inner/RUN9",
    ]


def test_what_is_not_selected_does_not_count(root: Path) -> None:
    make(root / "job", {"RUN1": {"out": b"four"}, "other": b"many bytes more", "RUN_notes": b"x"})
    with packager(root / "job").open(str(root / "job")) as package:
        assert (package.file_count, package.bytes_total) == (1, 4)
        size = sum(map(len, package.chunks()))
        assert package.archive == Archive(file_count=1, bytes_total=4, size=size)


def test_files_named_like_runs_are_ignored_beside_runs(root: Path) -> None:
    make(root / "job", {"RUN1": {}, "RUN2": b"a file", "RUN3": {}})
    os.mkfifo(root / "job" / "RUN4")
    assert names_in(packed(root / "job")) == [b"RUN1/", b"RUN3/"]


def test_links_named_like_runs_are_left_out_and_named(root: Path) -> None:
    make(root / "other", {"secret": b""})
    links = {"RUN2": LinkTo("RUN1"), "RUN3": LinkTo("../other"), "RUN4": LinkTo("missing")}
    make(root / "job", {"RUN1": {}, **links})
    with packager(root / "job").open(str(root / "job")) as package:
        assert names_in(b"".join(package.chunks())) == [b"RUN1/"]
        assert package.archive.left_out == (
            "RUN2 (link out of the tree)",
            "RUN3 (link out of the tree)",
            "RUN4 (link out of the tree)",
        )


@pytest.mark.parametrize(
    "held",
    [
        {},
        {"other": {"RUN4": {}}},
        {"RUN4": b"a file"},
        {"RUN4": LinkTo("other"), "other": {}},
        {"run4": {}, "xRUN4": {}, "RU": {}},
    ],
    ids=str,
)
def test_a_directory_that_neither_is_nor_holds_a_run_is_refused(
    root: Path, held: dict[str, bytes]
) -> None:
    make(root / "job", held)
    with pytest.raises(InvalidResultsDirectory) as refusal:
        packed(root / "job")
    assert str(refusal.value) == "'job' does not match 'RUN*' and holds no directory that does"


@pytest.mark.parametrize("name", ["run4", "Run4", "xRUN4", " RUN4"])
def test_the_pattern_is_the_whole_name_and_minds_the_case(root: Path, name: str) -> None:
    make(root / name, {"out": b""})
    with pytest.raises(InvalidResultsDirectory):
        packed(root / name)


@pytest.mark.parametrize("name", ["RUN", "RUN4", "RUN 4", "RUN\n4", "RUN.old", "RUNNER"])
def test_whatever_begins_with_run_is_a_run(root: Path, name: str) -> None:
    make(root / name, {"out": b""})
    assert names_in(packed(root / name)) == [name.encode() + b"/", name.encode() + b"/out"]


@pytest.mark.parametrize(
    ("pattern", "selected"),
    [
        ("case_?", [b"case_1/", b"case_2/"]),
        ("case_[12]0", [b"case_10/"]),
        ("*_1*", [b"case_1/", b"case_10/"]),
        ("RUN*", [b"RUN4/"]),
        ("case_2", [b"case_2/"]),
    ],
)
def test_the_pattern_is_the_shells(root: Path, pattern: str, selected: list[bytes]) -> None:
    make(root / "job", {"case_1": {}, "case_2": {}, "case_10": {}, "RUN4": {}, "case_3": b""})
    assert names_in(packed(root / "job", pattern=pattern)) == selected


def test_a_star_takes_any_directory_under_its_own_name(root: Path) -> None:
    make(root / "job", {"RUN1": {}, "config.json": b"{}"})
    assert names_in(packed(root / "job", pattern="*")) == [
        b"job/",
        b"job/RUN1/",
        b"job/config.json",
    ]


def test_runs_whose_names_are_not_utf_8_are_selected(root: Path) -> None:
    make(root / "job", {"RUN\udcff": {"out": b""}})
    assert names_in(packed(root / "job")) == [b"RUN\xff/", b"RUN\xff/out"]


@pytest.mark.parametrize("form", ["{0}/RUN4/", "{0}//RUN4", "{0}/./RUN4/."])
def test_spare_slashes_and_dots_do_not_change_the_archive(root: Path, form: str) -> None:
    make(root / "RUN4", {"out": b"1"})
    with TreePackager((root,)).open(form.format(root)) as package:
        assert b"".join(package.chunks()) == packed(root / "RUN4")


def test_a_results_root_may_itself_be_packed(root: Path) -> None:
    make(root / "RUN1", {"out": b""})
    with TreePackager((root,)).open(f"{root}/") as package:
        assert names_in(b"".join(package.chunks())) == [b"RUN1/", b"RUN1/out"]
    with TreePackager((root / "RUN1",)).open(str(root / "RUN1")) as package:
        assert names_in(b"".join(package.chunks())) == [b"RUN1/", b"RUN1/out"]


def test_a_link_to_a_run_beside_it_stays_out_since_each_run_is_a_tree(root: Path) -> None:
    make(root / "job", {"RUN1": {"out": b""}, "RUN2": {"before": LinkTo("../RUN1/out")}})
    with packager(root / "job").open(str(root / "job")) as package:
        assert names_in(b"".join(package.chunks())) == [b"RUN1/", b"RUN1/out", b"RUN2/"]
        assert package.archive.left_out == ("RUN2/before (link out of the tree)",)


def comes(job: Path) -> None:
    make(job / "RUN0", {"out": b"0"})


def goes(job: Path) -> None:
    (job / "RUN3").rmdir()


@pytest.mark.parametrize("opened", ["RUN1", "RUN2", "RUN3"])
@pytest.mark.parametrize("change", [comes, goes])
def test_a_run_that_comes_or_goes_while_its_siblings_are_packed_is_noticed(
    root: Path, change: Callable[[Path], None], opened: str
) -> None:
    make(root / "job", {"RUN1": {"out": b"1"}, "RUN2": {"out": b"2"}, "RUN3": {}})
    change_it = opening(opened, lambda: change(root / "job"))
    assert failure_when(root / "job", "open", change_it)
