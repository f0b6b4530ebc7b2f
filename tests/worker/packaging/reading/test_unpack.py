import os
import shutil
import stat
import time
import warnings
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.worker.packaging.hostile import archive, entry, link, overlapping, with_size
from tests.worker.packaging.trees import (
    LinkTo,
    Node,
    content,
    described,
    dress,
    make,
    mixed,
    packed,
    trees,
)
from worker.errors import FileUnusable, InvalidArchive
from worker.packaging.reading.limits import Limits
from worker.packaging.reading.unpack import unpack

NAMES = st.text(st.sampled_from("ab/.\\\0\n"), max_size=8)


def unpacked(tmp_path: Path, made: bytes) -> Path:
    (tmp_path / "a.zip").write_bytes(made)
    unpack(tmp_path / "a.zip", tmp_path / "to")
    return tmp_path / "to"


def refused(tmp_path: Path, made: bytes, why: str) -> None:
    before = {path for path in tmp_path.iterdir() if path.name != "a.zip"}
    with pytest.raises(InvalidArchive, match=why):
        unpacked(tmp_path, made)
    assert {path for path in tmp_path.iterdir() if path.name != "a.zip"} == before


def test_what_was_packed_comes_out_as_it_was(tmp_path: Path) -> None:
    tree = make(tmp_path / "RUN4", mixed())
    to = unpacked(tmp_path, packed(tree))
    assert described(to / "RUN4") == described(tree)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(trees)
@example({"PK\x06\x06": b"", "PK\x05\x06": LinkTo("PK\x06\x06")})  # as end records begin
@example({"a": {"PK\x06\x06" + 36 * "z": LinkTo("PK\x06\x07")}, "b": b""})
def test_any_tree_comes_out_as_it_was_packed(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, Node]
) -> None:
    tmp_path = tmp_path_factory.mktemp("tree")
    run = make(tmp_path / "RUN4", tree)
    assert described(unpacked(tmp_path, packed(run)) / "RUN4") == described(run)


def test_modes_lose_what_lets_others_write_and_times_stay(tmp_path: Path) -> None:
    run = make(tmp_path / "RUN4", {"tool": b"x", "logs": {"a": b"y"}, "to": LinkTo("tool")})
    dress(run, Random(1))
    (run / "tool").chmod(0o6777)
    (run / "logs").chmod(0o777)
    to = unpacked(tmp_path, packed(run)) / "RUN4"
    assert stat.S_IMODE((to / "tool").stat().st_mode) == 0o755
    assert stat.S_IMODE((to / "logs").stat().st_mode) == 0o755
    for path in ("", "tool", "logs", "logs/a", "to"):
        assert int((to / path).lstat().st_mtime) == int((run / path).lstat().st_mtime)


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../a", "a/../../b", "a//b", "./a", "a/./b", "..", "."]
)
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    refused(tmp_path, archive((name, b"x")), "would lie outside")


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(NAMES, st.booleans(), NAMES), max_size=5))
def test_no_names_and_links_whatever_reach_out(
    tmp_path_factory: pytest.TempPathFactory, entries: list[tuple[str, bool, str]]
) -> None:
    tmp_path = tmp_path_factory.mktemp("any")
    (tmp_path / "outside").write_bytes(b"kept")
    with warnings.catch_warnings(action="ignore"):  # zipfile warns of names that stand twice
        made = archive(
            *(
                (link(name) if is_link else entry(name), text.encode())
                for name, is_link, text in entries
            )
        )
    try:
        to = unpacked(tmp_path, made)
    except (InvalidArchive, FileUnusable):
        assert {path.name for path in tmp_path.iterdir()} == {"outside", "a.zip"}
        return
    for path in to.rglob("*"):
        assert Path(os.path.realpath(path)).is_relative_to(to)
    assert (tmp_path / "outside").read_bytes() == b"kept"


@pytest.mark.parametrize("target", ["/etc", "..", "../to/a", "a/../../b", "", "\0"])
def test_links_that_leave_are_refused(tmp_path: Path, target: str) -> None:
    refused(tmp_path, archive((link("l"), target.encode())), "link l leaves it")


def test_links_that_leave_through_other_links_are_refused(tmp_path: Path) -> None:
    chain = archive((link("here"), b"."), (link("a/b"), b"../here/.."))
    refused(tmp_path, chain, "link a/b leaves it")


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    refused(tmp_path, archive((link("l"), b"../outside"), ("l/x", b"x")), "is a directory in")
    assert list((tmp_path / "outside").iterdir()) == []


def test_links_within_are_made(tmp_path: Path) -> None:
    to = unpacked(tmp_path, archive(("d/a", b"x"), (link("d/l"), b"../d/a"), (link("m"), b"no")))
    assert (to / "d" / "l").read_bytes() == b"x"
    assert (to / "m").readlink() == Path("no")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, archive(("a", b"1"), ("a", b"2")), "stands twice")
    refused(tmp_path, archive(("a", b"1"), ("a/", b"")), "stands twice")
    refused(tmp_path, archive(("a", b"1"), ("a/b", b"2")), "a is a directory in the archive")


def test_devices_are_refused(tmp_path: Path) -> None:
    refused(tmp_path, archive((entry("d", stat.S_IFCHR | 0o666), b"")), "neither file, directory")


def test_bytes_are_those_of_the_directory_no_more_and_no_fewer(tmp_path: Path) -> None:
    refused(tmp_path, overlapping(), "overlap")
    refused(tmp_path, with_size(b"0" * 100_000, 10), "a can't be read: Bad CRC-32")
    refused(tmp_path, with_size(b"0" * 100, 200), "a has 100 bytes, not 200")
    made = archive(("a", content("random", 5000)))
    refused(tmp_path, made[:100] + b"?" + made[101:], "a can't be read: Bad CRC-32")
    refused(tmp_path, made[:-50], "the archive can't be read")
    refused(tmp_path, b"", "the archive can't be read: File is not a zip file")


def test_what_is_larger_than_the_disk_is_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=4))
    with pytest.raises(FileUnusable, match="has 4 bytes free, the archive holds 5"):
        unpacked(tmp_path, archive(("a", b"12345")))
    assert not (tmp_path / "to").exists()


def test_a_directory_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "mine").write_bytes(b"kept")
    with pytest.raises(FileUnusable, match="Directory not empty"):
        unpacked(tmp_path, archive(("a", b"1")))
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["mine"]


def test_what_a_kill_left_is_cleared_away(tmp_path: Path) -> None:
    make(tmp_path / ".to.unpacking", {"half": b"x"})
    to = unpacked(tmp_path, archive(("a", b"1")))
    assert [path.name for path in to.iterdir()] == ["a"]
    assert not (tmp_path / ".to.unpacking").exists()


def test_what_is_planted_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / ".to.unpacking").symlink_to("outside")
    with pytest.raises(FileUnusable):
        unpacked(tmp_path, archive(("a", b"1")))
    assert list((tmp_path / "outside").iterdir()) == []


class TestLimits:
    def test_a_name_of_many_steps_costs_nothing(self, tmp_path: Path) -> None:
        made = archive(("a/" * 30_000 + "b", b"x"))
        began = time.monotonic()
        refused(tmp_path, made, "directories deep; `oneprefix fetch --unpack --no-limits`")
        assert time.monotonic() - began < 5

    def test_a_deep_tree_is_unpacked_if_asked_for(self, tmp_path: Path) -> None:
        made = archive(("a/" * 400 + "b", b"x"))
        refused(tmp_path, made, "lies more than 256 directories deep")
        unpack(tmp_path / "a.zip", tmp_path / "to", limited=False)
        assert (tmp_path / "to" / ("a/" * 400 + "b")).read_bytes() == b"x"
        refused(tmp_path, archive(("a/" * 1500 + "b", b"x")), "directories deep")
        with pytest.raises(InvalidArchive, match="more than 900 directories deep"):
            unpack(tmp_path / "a.zip", tmp_path / "deeper", limited=False)

    def test_a_bomb_is_refused_before_a_byte_is_unpacked(self, tmp_path: Path) -> None:
        made = with_size(b"0" * 1000, (1 << 30) + 1)
        refused(tmp_path, made, "unpack to 1,073,741,825, more than 200 times as many")

    def test_so_is_one_of_too_many_members(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("worker.packaging.reading.unpack.LIMITS", Limits(members=3))
        three = archive(*((f"f{number}", b"") for number in range(3)))
        assert len(list(unpacked(tmp_path, three).iterdir())) == 3
        shutil.rmtree(tmp_path / "to")
        refused(tmp_path, archive(*((f"f{n}", b"") for n in range(4))), "holds 4 members")
        many = archive(*((f"f{n}", b"") for n in range(70_000)))  # a count of 64 bits
        refused(tmp_path, many, "holds 70,000 members")
