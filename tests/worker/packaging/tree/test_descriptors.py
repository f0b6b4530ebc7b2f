import gc
import os
import resource
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from tests.worker.packaging.changes import TREE, remake
from tests.worker.packaging.faults import at_call, before_calls, fail
from tests.worker.packaging.left_behind import (
    children,
    descriptors,
    nothing_left_behind,
    open_below,
    resources,
)
from tests.worker.packaging.trees import MIB, Node, content, every_way, make, packager, packed
from worker.errors import InvalidResultsDirectory, TreeChanged
from worker.packaging.package import Packing
from worker.packaging.workers import units


def test_a_package_holds_open_only_the_directory_itself(run: Path) -> None:
    remake(run, TREE)
    with packager(run).open(str(run)) as package:
        assert open_below(run) == {str(run)}
        for _ in package.chunks():
            assert str(run) in open_below(run)
        assert open_below(run) == {str(run)}
    assert open_below(run) == set()


def test_a_directory_that_is_refused_is_closed(root: Path) -> None:
    make(root / "job", {"other": {}})
    with pytest.raises(InvalidResultsDirectory):
        packed(root / "job")
    assert open_below(root) == set()


@pytest.mark.parametrize("function", ["stat", "read"])
def test_nothing_stays_open_while_an_error_is_remembered(run: Path, function: str) -> None:
    remake(run, TREE)
    with pytest.raises(TreeChanged) as failure, before_calls(function, at_call(1, fail)):
        packed(run)
    left_open = open_below(run)
    del failure
    gc.collect()
    assert left_open == set()


def test_nothing_stays_open_behind_a_reader_that_stops_half_way(run: Path) -> None:
    remake(run, TREE)
    with packager(run).open(str(run)) as package:
        pieces = package.chunks()
        for _ in range(4):
            next(pieces)
    left_open = open_below(run)
    del package, pieces
    assert left_open == set()


#: A tree of many units, if a batch has ten entries.
LONG: Mapping[str, Node] = {
    **{f"{number:02}": {f"{file:02}": b"0.1\n" for file in range(12)} for number in range(12)},
    "large": content("table", 3 * MIB + 1),
    "spread": {f"{number:03}": {} for number in range(50)},
}


@every_way
def test_nothing_is_left_behind_whichever_chunk_is_the_readers_last(
    run: Path, packing: Packing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units, "BATCH_ENTRIES", 10)
    remake(run, LONG)
    with packager(run, packing).open(str(run)) as package:
        count = len(list(package.chunks()))
    assert count > 20
    for stop in range(0, count + 1, 8 if packing.helpers else 1):
        with nothing_left_behind(), packager(run, packing).open(str(run)) as package:
            assert len(list(islice(package.chunks(), stop))) == stop


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_no_file_is_closed_under_the_thread_that_reads_it(
    run: Path, stop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(run, {"large": content("table", 20 * MIB)})
    read, open_then = os.preadv, []

    def slowly(descriptor: int, *call: Any) -> int:
        sleep(0.02)
        open_then.append(descriptors().get(descriptor) == str(run / "large"))
        return read(descriptor, *call)

    monkeypatch.setattr(os, "preadv", slowly)
    with packager(run, Packing(threads=8, helpers=False)).open(str(run)) as package:
        list(islice(package.chunks(), stop))
    assert open_then
    assert all(open_then)


@every_way
def test_an_error_of_the_reader_leaves_nothing_behind(run: Path, packing: Packing) -> None:
    remake(run, LONG)
    with (
        pytest.raises(ZeroDivisionError),
        nothing_left_behind(),
        packager(run, packing).open(str(run)) as package,
    ):
        raise ZeroDivisionError(next(package.chunks()))


@every_way
def test_a_package_that_is_only_measured_starts_nothing_but_its_helpers(
    run: Path, packing: Packing
) -> None:
    remake(run, TREE)
    before = resources()
    with packager(run, packing).open(str(run)) as package:
        assert package.file_count == 4
        if packing.helpers:
            assert len(children()) == packing.threads
        else:
            assert len(resources() - before) == 1
    assert resources() == before


@pytest.fixture
def few_descriptors() -> Iterator[None]:
    """The limit of 1,024 descriptors that a process has by default."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.parametrize("helpers", [False, True])
def test_many_threads_and_directories_get_along_with_few_descriptors(
    run_in_memory: Path, few_descriptors: None, helpers: bool
) -> None:
    make(run_in_memory, {f"{number:04}": {"out": b"0.1\n"} for number in range(2500)})
    packed(run_in_memory, Packing(threads=64, helpers=helpers))
