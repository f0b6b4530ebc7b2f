import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.worker.packaging.faults import at_call, before_calls, calls_of, fail
from tests.worker.packaging.plans import measured
from tests.worker.packaging.trees import LinkTo, Node, make
from worker.errors import TreeChanged
from worker.packaging.tree.measure import SMALL
from worker.packaging.zip.central_directory import END_OVERHEAD
from worker.packaging.zip.deflate import deflated_bound


def test_files_of_all_directories_are_added_up(run: Path) -> None:
    make(run, {"c": b"333", "a": {"z": b"1", "a": b"22", "inner": {"x": b"four"}}, "b": b""})
    measure = measured(run)
    assert (measure.file_count, measure.bytes_total) == (5, 10)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(sizes=st.lists(st.integers(0, 2**34), max_size=40))
def test_every_size_counts_whatever_it_is(run_in_memory: Path, sizes: list[int]) -> None:
    shutil.rmtree(run_in_memory, ignore_errors=True)
    make(run_in_memory, {f"{number:02}": b"" for number in range(len(sizes))})
    for number, size in enumerate(sizes):
        os.truncate(run_in_memory / f"{number:02}", size)
    measure = measured(run_in_memory)
    assert measure.file_count == len(sizes)
    assert measure.bytes_total == sum(sizes)
    assert measure.size_bound >= END_OVERHEAD + sum(map(deflated_bound, sizes))


def test_directories_links_and_pipes_are_no_files(run: Path) -> None:
    make(run, {"inner": {}, "link": LinkTo("inner"), "out": LinkTo("/")})
    os.mkfifo(run / "pipe")
    measure = measured(run)
    assert (measure.file_count, measure.bytes_total) == (0, 0)


def test_what_is_left_out_is_named_and_takes_no_room(run: Path) -> None:
    make(run, {"inner": {}})
    before = measured(run)
    make(run / "link", LinkTo("/etc/passwd"))
    os.mkfifo(run / "pipe")
    after = measured(run)
    assert after.size_bound == before.size_bound
    assert before.left_out == []
    assert after.left_out == ["RUN4/link (link out of the tree)", "RUN4/pipe (named pipe)"]


@pytest.mark.parametrize(
    ("name", "node", "room"),
    [("b", b"12345" * 1000, 5000), ("b" * 200, b"", 2 * 199), ("b", LinkTo("x" * 1000), 500)],
)
def test_room_is_kept_for_data_targets_and_names_in_both_places(
    run: Path, name: str, node: Node, room: int
) -> None:
    make(run, {"a": b"", "b": b""})
    bound = measured(run).size_bound
    (run / "b").unlink()
    make(run / name, node)
    assert measured(run).size_bound >= bound + room


def test_a_file_that_can_not_be_measured_is_named(run: Path) -> None:
    make(run, {"a": b"1", "inner": {"b": b"2", "c": b"3"}})
    named = set()
    for number in range(1, calls_of("stat", lambda: measured(run)) + 1):
        with before_calls("stat", at_call(number, fail)), pytest.raises(TreeChanged) as failure:
            measured(run)
        named.add(str(failure.value))
    assert named == {
        f"RUN4/{name} can't be read: Input/output error" for name in ("a", "inner/b", "inner/c")
    }


def test_a_hole_is_measured_by_its_length(run: Path) -> None:
    make(run, {"hole": b""})
    os.truncate(run / "hole", 8 << 30)
    assert measured(run).bytes_total == 8 << 30
    assert measured(run).size_bound > 8 << 30


def test_a_directory_of_many_files_is_added_up_to_its_end(run: Path) -> None:
    make(run, {f"{number:05}": b"x" * (number % 97) for number in range(3000)})
    measure = measured(run)
    assert (measure.file_count, measure.bytes_total) == (3000, sum(n % 97 for n in range(3000)))


@pytest.mark.parametrize(
    ("sizes", "many"),
    [
        ([], False),
        ([10] * 4, False),
        ([10] * 5, True),
        ([SMALL] * 5, True),
        ([SMALL] * 5 + [1], True),
        ([SMALL] * 5 + [SMALL + 1], False),
        ([0] * 5 + [6 * SMALL], True),
    ],
    ids=str,
)
def test_many_files_that_are_small_in_the_mean_are_many_small_files(
    run: Path, sizes: list[int], many: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.packaging.tree.measure.MANY", 5)
    make(run, {str(number): bytes(size) for number, size in enumerate(sizes)})
    assert measured(run).has_many_small_files is many
