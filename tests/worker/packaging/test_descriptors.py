import gc
from pathlib import Path

import pytest

from tests.worker.packaging.changes import TREE, remake
from tests.worker.packaging.faults import at_call, before_calls, fail, open_below
from tests.worker.packaging.trees import make, packager, packed
from worker.errors import InvalidResultsDirectory, TreeChanged


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
