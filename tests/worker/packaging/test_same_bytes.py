import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.worker.packaging.archives import held, names_in
from tests.worker.packaging.trees import (
    MIB,
    LinkTo,
    Node,
    content,
    described,
    dress,
    make,
    packed,
    trees,
)

TREE: Mapping[str, Node] = {
    "b": {"inner": {}, "ü": b"ten", "Z": b"", "\udcff": b"raw"},
    "a.csv": content("table", 2 * MIB + 1),
    "B": content("random", MIB + 1),
    "a": {"link": LinkTo("../b"), "file": b"x" * 100},
}

PRINT_THE_DIGEST = """
import sys, time
from hashlib import sha256
from pathlib import Path
from worker.packaging.package import TreePackager
time.tzset()
with TreePackager((Path(sys.argv[1]).parent,)).open(sys.argv[1]) as package:
    print(sha256(b"".join(package.chunks())).hexdigest())
"""


@pytest.fixture
def dressed(run: Path) -> Path:
    make(run, TREE)
    dress(run, Random(4))
    return run


def copied(source: Path, target: Path, *, reverse: bool) -> None:
    """With all its attributes, but made in another order."""
    if source.is_symlink() or source.is_file():
        shutil.copy2(source, target, follow_symlinks=False)
        return
    target.mkdir()
    for inner in sorted(source.iterdir(), reverse=reverse):
        copied(inner, target / inner.name, reverse=reverse)
    shutil.copystat(source, target)


class Shuffled:
    """A directory's listing in an order that the file system might give as well."""

    def __init__(self, entries: Iterator[Any], seed: int) -> None:
        self._entries = list(entries)
        Random(seed).shuffle(self._entries)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self._entries = []

    def __iter__(self) -> Iterator[Any]:
        return iter(self._entries)


def shuffling(seed: int) -> Callable[..., Shuffled]:
    original = os.scandir

    def scandir(directory: Any) -> Shuffled:
        with original(directory) as entries:
            return Shuffled(entries, seed)

    return scandir


def test_a_tree_packed_twice_gives_the_same_bytes(dressed: Path) -> None:
    assert packed(dressed) == packed(dressed)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tree=trees, seed=st.integers(0, 2**32))
def test_a_copy_made_in_another_order_gives_the_same_bytes(
    tree: Mapping[str, Node], seed: int
) -> None:
    with TemporaryDirectory() as directory:
        run = make(Path(directory) / "RUN4", tree)
        dress(run, Random(seed))
        (Path(directory) / "copy").mkdir()
        copied(run, Path(directory) / "copy" / "RUN4", reverse=bool(seed % 2))
        assert packed(run) == packed(Path(directory) / "copy" / "RUN4")


@pytest.mark.parametrize("seed", range(5))
def test_the_order_in_which_directories_are_listed_does_not_matter(
    dressed: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(dressed.with_name("RUN10"), {"out": b"ten"})
    make(dressed.with_name("RUN5"), {"out": b"five"})
    expected = packed(dressed), packed(dressed.parent)
    monkeypatch.setattr(os, "scandir", shuffling(seed))
    assert (packed(dressed), packed(dressed.parent)) == expected


def test_entries_are_sorted_by_the_bytes_of_their_names(dressed: Path) -> None:
    assert names_in(packed(dressed)) == [
        b"RUN4/",
        b"RUN4/B",
        b"RUN4/a/",
        b"RUN4/a/file",
        b"RUN4/a/link",
        b"RUN4/a.csv",
        b"RUN4/b/",
        b"RUN4/b/Z",
        b"RUN4/b/inner/",
        b"RUN4/b/" + "ü".encode(),
        b"RUN4/b/\xff",
    ]


@pytest.mark.parametrize(
    "environment",
    [
        {"TZ": "JST-9", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1"},
        {"TZ": "EST5EDT", "LC_ALL": "POSIX", "PYTHONHASHSEED": "2"},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=str,
)
def test_another_zone_locale_and_hash_seed_give_the_same_bytes(
    dressed: Path, environment: dict[str, str]
) -> None:
    path = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    printed = subprocess.run(
        [sys.executable, "-c", PRINT_THE_DIGEST, str(dressed)],
        env=path | environment,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    ).stdout
    assert printed.strip() == sha256(packed(dressed)).hexdigest()


def test_a_file_system_that_answers_in_small_pieces_gives_the_same_files(
    dressed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = os.read
    monkeypatch.setattr(os, "read", lambda file, asked: read(file, min(asked, 70_001)))
    assert held(packed(dressed)) == described(dressed)


@pytest.mark.parametrize("kind", ["random", "table"])
def test_a_file_system_that_answers_in_small_pieces_gives_the_same_bytes(
    run: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(run, {"out": content(kind, 2 * MIB + 100_000)})
    expected = packed(run)
    read = os.read
    monkeypatch.setattr(os, "read", lambda file, asked: read(file, min(asked, 70_001)))
    assert packed(run) == expected
