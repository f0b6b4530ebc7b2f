import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.worker.packaging.changes import SECRET, remake, require_honesty
from tests.worker.packaging.faults import at_call, before_calls, calls_of
from tests.worker.packaging.trees import Node, make, packed
from worker.errors import OneprefixError
from worker.packaging.archive_stream import Chunk
from worker.packaging.package import TreePackager

TREE: Mapping[str, Node] = {
    "RUN1": {"file": b"first"},
    "RUN4": {"a": {"inner": {"file": b"deep"}, "file": b"upper"}, "file": b"top"},
}
#: Wherever a link leads here instead of into the tree, the tree's names lead to SECRET.
SECRETS: Mapping[str, Node] = {
    "RUN4": {"file": SECRET},
    "a": {"inner": {"file": SECRET}, "file": SECRET},
    "inner": {"file": SECRET},
    "file": SECRET,
}
DIRECTORIES = ["RUN4", "RUN4/a", "RUN4/a/inner"]
FILES = ["RUN4/file", "RUN4/a/file", "RUN4/a/inner/file"]


@pytest.fixture
def job(memory: Path) -> Path:
    return memory / "job"


@pytest.fixture(scope="module")
def secret(memory: Path) -> Path:
    return make(memory / "secret", SECRETS)


def swap(victim: Path, make_in_its_place: Callable[[Path], object]) -> None:
    if victim.is_dir():
        shutil.rmtree(victim)
    else:
        victim.unlink()
    make_in_its_place(victim)


@pytest.mark.parametrize("victim", DIRECTORIES)
def test_a_directory_swapped_for_a_link_at_any_moment_never_leads_to_the_secret(
    job: Path, secret: Path, victim: str
) -> None:
    def link(path: Path) -> None:
        path.symlink_to(secret)

    assert require_honesty(job, TREE, lambda job: swap(job / victim, link))


@pytest.mark.parametrize("victim", FILES)
def test_a_file_swapped_for_a_link_at_any_moment_never_leads_to_the_secret(
    job: Path, secret: Path, victim: str
) -> None:
    def link(path: Path) -> None:
        path.symlink_to(secret / "file")

    assert require_honesty(job, TREE, lambda job: swap(job / victim, link))


@pytest.mark.parametrize("victim", FILES)
def test_a_pipe_swapped_in_at_any_moment_does_not_hang_the_worker(job: Path, victim: str) -> None:
    assert require_honesty(job, TREE, lambda job: swap(job / victim, os.mkfifo))


@pytest.mark.parametrize("victim", DIRECTORIES)
def test_a_directory_swapped_for_a_file_at_any_moment_is_noticed(job: Path, victim: str) -> None:
    assert require_honesty(job, TREE, lambda job: swap(job / victim, Path.touch))


@pytest.mark.parametrize("victim", FILES)
def test_a_file_swapped_for_a_directory_at_any_moment_is_noticed(job: Path, victim: str) -> None:
    assert require_honesty(job, TREE, lambda job: swap(job / victim, Path.mkdir))


@pytest.mark.parametrize("function", ["open", "fstat", "scandir", "stat", "read"])
@pytest.mark.parametrize("step", ["job", "job/RUN4"])
def test_a_step_of_the_path_swapped_for_a_link_at_any_moment_never_leads_to_the_secret(
    memory: Path, secret: Path, step: str, function: str
) -> None:
    root = memory / "root"
    packager = TreePackager((root,))
    endings = set()

    def swap_the_step() -> None:
        (root / step).rename(memory / "away")
        (root / step).symlink_to(secret)

    for number in range(1, 1 + calls_of_packing(root, function)):
        before = packed(remade(root) / "RUN4")
        pieces: list[Chunk] = []
        with before_calls(function, at_call(number, swap_the_step)):
            try:
                with packager.open(str(root / "job" / "RUN4")) as package:
                    pieces.extend(package.chunks())
                endings.add("packed")
                assert b"".join(pieces) == before
            except OneprefixError as error:
                endings.add(type(error).__name__)
        assert (root / step).is_symlink()
        assert SECRET not in b"".join(pieces)
        shutil.rmtree(memory / "away")
    assert endings <= {"packed", "PathRefused", "TreeChanged"}
    assert ("packed" in endings) or step == "job/RUN4"
    assert ("PathRefused" in endings) is (function == "open")


def calls_of_packing(root: Path, function: str) -> int:
    job = remade(root)

    def pack() -> None:
        with TreePackager((root,)).open(str(job / "RUN4")) as package:
            assert SECRET not in b"".join(package.chunks())

    return calls_of(function, pack)


def remade(root: Path) -> Path:
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    remake(root / "job", TREE)
    return root / "job"
