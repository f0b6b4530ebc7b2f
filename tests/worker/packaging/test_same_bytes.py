import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from itertools import product
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.worker.packaging.archives import held, names_in
from tests.worker.packaging.changes import remake
from tests.worker.packaging.faults import short_reads
from tests.worker.packaging.helpers import SHORT_READS, helpers_for_everything, helpers_with
from tests.worker.packaging.processes import printed_by
from tests.worker.packaging.trees import (
    MIB,
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
from worker.packaging.package import Packing
from worker.packaging.workers import units
from worker.packaging.zip.deflate import FAST, SMALL, STORE

few_examples = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
TREE: Mapping[str, Node] = {
    "b": {"inner": {}, "ü": b"ten", "Z": b"", "\udcff": b"raw"},
    "a.csv": content("table", 2 * MIB + 1),
    "B": content("random", MIB + 1),
    "a": {"link": LinkTo("../b"), "file": b"x" * 100},
}

PRINT_THE_DIGESTS = """
import sys, time
from hashlib import sha256
from pathlib import Path
from worker.packaging.workers import pool
from worker.packaging.package import Packing, TreePackager
time.tzset()
pool.MIN_FOR_HELPER = 1
run = Path(sys.argv[1])
for helpers in (False, True):
    packing = Packing(threads=2, helpers=helpers)
    with TreePackager((run.parent,), "RUN*", packing).open(str(run)) as package:
        print(sha256(b"".join(package.chunks())).hexdigest())
"""


@pytest.fixture
def dressed(run: Path) -> Path:
    make(run, TREE)
    dress(run, Random(4))
    return run


def copied(source: Path, target: Path, *, reverse: bool) -> None:
    """Copy a tree with all its attributes, making its entries in another order."""
    if source.is_symlink() or source.is_file():
        shutil.copy2(source, target, follow_symlinks=False)
        return
    target.mkdir()
    for inner in sorted(source.iterdir(), reverse=reverse):
        copied(inner, target / inner.name, reverse=reverse)
    shutil.copystat(source, target)


class Shuffled:
    """A directory's listing in another order, as another file system might give it."""

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


@pytest.mark.parametrize("level", [STORE, FAST, SMALL])
def test_whoever_packs_gives_the_same_bytes(run_in_memory: Path, level: int) -> None:
    remake(run_in_memory, mixed())
    expected = packed(run_in_memory, Packing(threads=1, helpers=False, level=level))
    assert held(expected) == described(run_in_memory)
    for threads, helpers in product([1, 2, 8], [False, True]):
        packing = Packing(threads=threads, helpers=helpers, level=level)
        assert packed(run_in_memory, packing) == expected, packing


@few_examples
@given(
    tree=trees,
    seed=st.integers(0, 2**32),
    level=st.sampled_from([STORE, FAST, SMALL]),
    threads=st.integers(1, 8),
    batch_bytes=st.integers(1, 5000),
    batch_members=st.integers(1, 5),
    batch_directories=st.integers(1, 3),
)
def test_where_units_of_work_are_cut_shows_nowhere(
    run_in_memory: Path,
    tree: Mapping[str, Node],
    seed: int,
    level: int,
    threads: int,
    batch_bytes: int,
    batch_members: int,
    batch_directories: int,
) -> None:
    remake(run_in_memory, tree)
    dress(run_in_memory, Random(seed))
    expected = packed(run_in_memory, Packing(threads=1, helpers=False, level=level))
    with pytest.MonkeyPatch.context() as patch, helpers_for_everything():
        patch.setattr(units, "BATCH_BYTES", batch_bytes)
        patch.setattr(units, "BATCH_ENTRIES", batch_members)
        patch.setattr(units, "BATCH_DIRECTORIES", batch_directories)
        for helpers in (False, True):
            packing = Packing(threads=threads, helpers=helpers, level=level)
            assert packed(run_in_memory, packing) == expected


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


ENVIRONMENTS = [
    {"TZ": "JST-9", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1"},
    {"TZ": "EST5EDT", "LC_ALL": "POSIX", "PYTHONHASHSEED": "2"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "C", "PYTHONUTF8": "1"},
    {"PYTHONMALLOC": "malloc", "MALLOC_PERTURB_": "85"},
    {"PYTHONMALLOC": "malloc", "MALLOC_PERTURB_": "170"},
]


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=str)
def test_another_zone_locale_hash_seed_and_memory_give_the_same_bytes(
    dressed: Path, environment: dict[str, str]
) -> None:
    digest = sha256(packed(dressed)).hexdigest()
    printed = printed_by(PRINT_THE_DIGESTS, dressed, **environment)
    assert printed.split() == [digest, digest]


@pytest.fixture(scope="module")
def latin_1(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a locale in which every byte is a letter."""
    place = tmp_path_factory.mktemp("locales")
    compiler = shutil.which("localedef") or pytest.skip("localedef is not installed")
    arguments = ["-f", "ISO-8859-1", "-i", "en_US", str(place / "en_US.ISO-8859-1")]
    if subprocess.run([compiler, *arguments], capture_output=True, check=False).returncode:
        pytest.skip("localedef has no ISO-8859-1")
    return {"LOCPATH": str(place), "LC_ALL": "en_US.ISO-8859-1", "PYTHONUTF8": "0"}


def test_a_locale_of_latin_1_gives_the_same_bytes(dressed: Path, latin_1: dict[str, str]) -> None:
    encoding = printed_by("import sys; print(sys.getfilesystemencoding())", **latin_1)
    assert encoding == "iso8859-1"
    digest = sha256(packed(dressed)).hexdigest()
    assert printed_by(PRINT_THE_DIGESTS, dressed, **latin_1).split() == [digest, digest]


@pytest.mark.parametrize("most", [701, 70_001])
@pytest.mark.parametrize("level", [STORE, FAST, SMALL])
def test_a_file_system_that_answers_in_small_pieces_gives_the_same_bytes(
    dressed: Path, level: int, most: int
) -> None:
    packing = Packing(threads=2, helpers=False, level=level)
    expected = packed(dressed, packing)
    with short_reads(most):
        assert packed(dressed, packing) == expected
    assert held(expected) == described(dressed)


def test_a_helper_that_is_answered_in_small_pieces_gives_the_same_bytes(dressed: Path) -> None:
    make(dressed / "more", {f"{number:02}": content("table", 5000) for number in range(20)})
    expected = packed(dressed)
    with helpers_for_everything(), helpers_with(SHORT_READS):
        assert packed(dressed, Packing(helpers=True)) == expected
