import os
import shutil
import socket
import stat
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.worker.packaging.archives import held, names_in
from tests.worker.packaging.plans import opened
from tests.worker.packaging.trees import LinkTo, Node, make, packager, packed
from worker.errors import InvalidResultsDirectory
from worker.packaging.tree.changes import identity, stamp
from worker.packaging.tree.entries import Directory, Entry, FileGroup, LeaveDirectory
from worker.packaging.tree.walk import GROUP_SIZE, MAX_DEPTH, walk


def left_out(run: Path) -> tuple[str, ...]:
    """The names that the package omits, none of which the archive may hold."""
    with packager(run).open(str(run)) as package:
        archive = b"".join(package.chunks())
        named = package.archive.left_out
    for line in named:
        assert line.partition(" (")[0].encode() not in names_in(archive)
    return named


def walked(run: Path) -> list[Entry]:
    with opened(run) as descriptor:
        return list(walk(descriptor, os.fsencode(run.name)))


def test_directories_are_entered_and_left_around_what_they_hold(run: Path) -> None:
    make(run, {"a": {"inner": {}, "out": b"1"}, "b": b"22", "c": {}})
    assert [outline(entry) for entry in walked(run)] == [
        (b"RUN4/", b"."),
        (b"RUN4/a/", b"a"),
        (b"RUN4/a/inner/", b"inner"),
        LeaveDirectory(),
        [b"out"],
        LeaveDirectory(),
        [b"b"],
        (b"RUN4/c/", b"c"),
        LeaveDirectory(),
        LeaveDirectory(),
    ]


def outline(entry: Entry) -> object:
    if isinstance(entry, Directory):
        return entry.name, entry.base
    return entry.names if isinstance(entry, FileGroup) else entry


def test_directories_and_files_are_told_of_as_they_were_found(run: Path) -> None:
    make(run, {"c": b"333", "a": {"z": b"1", "a": b"22"}})
    for entry in walked(run):
        if isinstance(entry, Directory):
            status = (run.parent / os.fsdecode(entry.name)).lstat()
            assert (entry.stamp, entry.identity) == (stamp(status), identity(status))
        elif isinstance(entry, FileGroup):
            where = run.parent / os.fsdecode(entry.directory)
            statuses = [(where / os.fsdecode(base)).lstat() for base in entry.names]
            assert entry.sizes == [status.st_size for status in statuses]
            assert entry.identities == list(map(identity, statuses))
            assert entry.identity == identity(where.lstat())


@pytest.mark.parametrize("count", [GROUP_SIZE, GROUP_SIZE + 1, 2 * GROUP_SIZE + 7])
def test_many_files_of_a_directory_come_in_chunks(run: Path, count: int) -> None:
    make(run, {f"{number:05}": b"x" * (number % 97) for number in range(count)})
    chunks = [entry for entry in walked(run) if isinstance(entry, FileGroup)]
    assert [len(chunk.names) for chunk in chunks[:-1]] == [GROUP_SIZE] * ((count - 1) // GROUP_SIZE)
    assert 0 < len(chunks[-1].names) <= GROUP_SIZE
    assert [base for each in chunks for base in each.names] == [b"%05d" % n for n in range(count)]
    assert [size for each in chunks for size in each.sizes] == [n % 97 for n in range(count)]


@pytest.mark.parametrize(
    "target",
    [
        "out",
        "inner/deep",
        "./inner/./deep",
        "inner//deep/",
        ".",
        "missing",
        "inner/missing",
        "..out",
        "x" * 1000,
        "\udcff",
        "two\nlines",
    ],
)
def test_a_link_that_stays_in_the_tree_is_kept_as_a_link(run: Path, target: str) -> None:
    make(run, {"out": b"", "inner": {"deep": {}}, "link": LinkTo(target)})
    link = held(packed(run))[b"RUN4/link"]
    assert stat.S_ISLNK(link.mode)
    assert link.data == os.fsencode(target)
    assert left_out(run) == ()


@pytest.mark.parametrize("target", ["..", "../..", "../../out", "./../../b/c", "../b", "../../"])
def test_a_link_may_climb_as_far_as_the_trees_top(run: Path, target: str) -> None:
    make(run, {"out": b"", "b": {"c": {"link": LinkTo(target)}}})
    assert held(packed(run))[b"RUN4/b/c/link"].data == target.encode()


@pytest.mark.parametrize(
    "target",
    [
        "/etc/passwd",
        "/",
        "//etc",
        "{0}/out",
        "../../..",
        "../../../RUN4/out",
        "../../../other",
        "./.././../../x",
        "down/..",
        "down/../../../../etc",
        "../b/c/../../..",
        "up/../..",
    ],
)
def test_a_link_out_of_the_tree_or_through_another_name_is_left_out_and_named(
    run: Path, target: str
) -> None:
    inner: Node = {"down": {}, "up": LinkTo("../.."), "link": LinkTo(target.format(run))}
    make(run, {"out": b"", "b": {"c": inner}})
    assert left_out(run) == ("RUN4/b/c/link (link out of the tree)",)


def test_a_link_at_the_top_may_not_climb(run: Path) -> None:
    make(run, {"link": LinkTo(".."), "sideways": LinkTo("../RUN5/out")})
    assert left_out(run) == (
        "RUN4/link (link out of the tree)",
        "RUN4/sideways (link out of the tree)",
    )


def test_a_directory_behind_a_link_is_packed_once(run: Path) -> None:
    make(run, {"real": {"out": b"data", "back": LinkTo("..")}, "alias": LinkTo("real")})
    assert names_in(packed(run)) == [
        b"RUN4/",
        b"RUN4/alias",
        b"RUN4/real/",
        b"RUN4/real/back",
        b"RUN4/real/out",
    ]


def test_pipes_and_sockets_are_left_out_and_named_with_their_kind(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(run, {"out": b"", "inner": {}})
    os.mkfifo(run / "inner" / "progress")
    monkeypatch.chdir(run)  # a socket's address is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("control")
    assert left_out(run) == ("RUN4/control (socket)", "RUN4/inner/progress (named pipe)")


@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFBLK], ids=["character", "block"])
def test_devices_are_left_out_and_named_with_their_kind(run: Path, kind: int) -> None:
    make(run, {"out": b""})
    try:
        os.mknod(run / "null", kind | 0o600, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root may make a device")
    assert left_out(run) == ("RUN4/null (device)",)


def test_a_name_left_out_is_told_on_one_line_of_valid_unicode(run: Path) -> None:
    make(run, {"two\nlines \udcff ü": LinkTo("/")})
    with packager(run).open(str(run)) as package:
        b"".join(package.chunks())
        assert package.archive.left_out == (r"RUN4/two\nlines \xff ü (link out of the tree)",)


def test_no_two_names_left_out_are_told_alike(run: Path) -> None:
    make(run, {"\udce9": LinkTo("/"), r"\xe9": LinkTo("/")})
    assert set(left_out(run)) == {
        r"RUN4/\xe9 (link out of the tree)",
        r"RUN4/\\xe9 (link out of the tree)",
    }


def test_what_is_left_out_counts_for_nothing(run: Path) -> None:
    make(run, {"out": b"four", "link": LinkTo("/etc/passwd")})
    os.mkfifo(run / "pipe")
    with packager(run).open(str(run)) as package:
        assert (package.file_count, package.bytes_total) == (1, 4)
        b"".join(package.chunks())
        assert (package.archive.file_count, package.archive.bytes_total) == (1, 4)


@pytest.fixture
def nest(run: Path) -> Iterator["Nest"]:
    nest = Nest(run)
    yield nest
    shutil.rmtree(run)


class Nest:
    """Nested directories, made step by step, since the kernel takes no path that long."""

    def __init__(self, run: Path) -> None:
        self._run = run

    def make(self, levels: int, *, name: str) -> None:
        self._run.mkdir()
        parent = os.open(self._run, os.O_RDONLY)
        for _ in range(levels):
            os.mkdir(name, dir_fd=parent)
            inner = os.open(name, os.O_RDONLY, dir_fd=parent)
            os.close(parent)
            parent = inner
        deepest = os.open("out", os.O_WRONLY | os.O_CREAT, dir_fd=parent)
        os.write(deepest, b"deep")
        os.close(deepest)
        os.close(parent)


@pytest.mark.parametrize("name", ["d", "d" * 255])
def test_the_deepest_tree_that_is_allowed_is_packed_whole(run: Path, nest: Nest, name: str) -> None:
    nest.make(MAX_DEPTH, name=name)
    archive = packed(run)
    names = names_in(archive)
    assert len(names) == 1 + MAX_DEPTH + 1
    assert names[-1] == b"/".join([b"RUN4", *[name.encode()] * MAX_DEPTH, b"out"])
    with ZipFile(BytesIO(archive)) as opened:
        assert opened.read(opened.infolist()[-1]) == b"deep"


def test_a_path_longer_than_the_kernel_takes_is_packed(run: Path, nest: Nest) -> None:
    nest.make(20, name="x" * 250)
    assert len(names_in(packed(run))[-1]) > os.pathconf("/", "PC_PATH_MAX")


def test_one_level_more_is_refused_for_good(run: Path, nest: Nest) -> None:
    nest.make(MAX_DEPTH + 1, name="d")
    with pytest.raises(InvalidResultsDirectory, match=f"more than {MAX_DEPTH} levels deep"):
        packed(run)
