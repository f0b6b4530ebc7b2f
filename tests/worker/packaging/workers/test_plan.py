import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.worker.packaging.changes import TREE, remake
from tests.worker.packaging.left_behind import nothing_left_behind, open_below
from tests.worker.packaging.plans import known, opened, planned, surveyed, unlisted
from tests.worker.packaging.trees import MIB, LinkTo, Node, content, make, trees
from worker.errors import InvalidResultsDirectory, TreeChanged
from worker.packaging.tree.entries import Directory, FileGroup
from worker.packaging.tree.walk import walk
from worker.packaging.workers import units as units_module
from worker.packaging.workers.plan import OPEN_DIRECTORIES, Plan
from worker.packaging.workers.segment import SEGMENT
from worker.packaging.workers.units import (
    BATCH_BYTES,
    BATCH_DIRECTORIES,
    BATCH_ENTRIES,
    Batch,
    Segment,
    Unit,
)
from worker.packaging.zip.format import MAX_16


def units_of(run: Path) -> list[Unit]:
    """All units of the tree, closed already."""
    with planned(run) as units:
        return [unit for unit in units if not unit.close()]


def entries_in(unit: Unit) -> Iterator[tuple[bytes, int]]:
    """Name and size of each entry in the unit; of a large file only with its first segment."""
    if isinstance(unit, Segment):
        if unit.offset == 0:
            yield unit.file.name, unit.file.size
        return
    for item in unit.items:
        if isinstance(item[0], bytes):
            yield item[0], 0
        else:
            (directory, _, _), bases, sizes, _ = item
            yield from zip((directory + base for base in bases), sizes, strict=True)


def walked(run: Path) -> Iterator[bytes]:
    """The names in the order in which an archive has them."""
    with opened(run) as descriptor, closing(walk(descriptor, os.fsencode(run.name))) as entries:
        for entry in entries:
            if isinstance(entry, FileGroup):
                yield from (entry.directory + base for base in entry.names)
            elif isinstance(entry, Directory):
                yield entry.name


def test_files_up_to_a_segment_are_in_batches_and_larger_ones_in_segments(run: Path) -> None:
    make(run, {"a": bytes(SEGMENT), "b": bytes(SEGMENT + 1), "c": bytes(3 * SEGMENT), "d": b""})
    assert [described(unit) for unit in units_of(run)] == [
        [b"RUN4/", b"RUN4/a"],
        (b"RUN4/b", 0, SEGMENT),
        (b"RUN4/b", SEGMENT, 1),
        (b"RUN4/c", 0, SEGMENT),
        (b"RUN4/c", SEGMENT, SEGMENT),
        (b"RUN4/c", 2 * SEGMENT, SEGMENT),
        [b"RUN4/d"],
    ]


def described(unit: Unit) -> object:
    if isinstance(unit, Segment):
        return unit.file.name, unit.offset, unit.size
    return [name for name, _ in entries_in(unit)]


def test_the_first_and_the_last_segment_are_known(run: Path) -> None:
    make(run, {"a": bytes(3 * SEGMENT)})
    segments = [unit for unit in units_of(run) if isinstance(unit, Segment)]
    assert [segment.offset == 0 for segment in segments] == [True, False, False]
    assert [segment.is_last for segment in segments] == [False, False, True]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    tree=trees,
    batch_bytes=st.integers(1, 5000),
    batch_entries=st.integers(1, 5),
    batch_directories=st.integers(1, 3),
)
def test_every_member_is_in_one_unit_in_the_order_of_the_walk_and_no_batch_goes_on_when_full(
    run_in_memory: Path,
    tree: Mapping[str, Node],
    batch_bytes: int,
    batch_entries: int,
    batch_directories: int,
) -> None:
    remake(run_in_memory, without_links(tree))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(units_module, "BATCH_BYTES", batch_bytes)
        patch.setattr(units_module, "BATCH_ENTRIES", batch_entries)
        patch.setattr(units_module, "BATCH_DIRECTORIES", batch_directories)
        units = []
        with planned(run_in_memory) as planned_units:
            for unit in planned_units:
                if isinstance(unit, Batch):
                    assert len(unit.descriptors) <= batch_directories
                    assert unit.entry_count == len(list(entries_in(unit)))
                unit.close()
                units.append(unit)
    names = [name for unit in units for name, _ in entries_in(unit)]
    assert names == list(walked(run_in_memory))
    for unit in units:
        if isinstance(unit, Batch):
            sizes = [size for _, size in entries_in(unit)]
            assert sum(sizes[:-1]) < batch_bytes
            assert len(sizes) <= batch_entries


def without_links(node: Mapping[str, Node]) -> dict[str, Node]:
    return {
        name: without_links(inner) if isinstance(inner, Mapping) else inner
        for name, inner in node.items()
        if isinstance(inner, bytes | Mapping)
    }


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(tree=trees)
def test_the_segments_of_a_file_cover_it_in_order(
    run_in_memory: Path, tree: Mapping[str, Node]
) -> None:
    remake(run_in_memory, tree)
    ends: dict[bytes, int] = {}
    for unit in units_of(run_in_memory):
        if isinstance(unit, Segment):
            assert 0 < unit.size <= SEGMENT
            assert unit.offset == ends.get(unit.file.name, 0)
            ends[unit.file.name] = unit.offset + unit.size
            assert unit.is_last is (ends[unit.file.name] == unit.file.size)
        else:
            assert not any(size > SEGMENT for _, size in entries_in(unit))


def test_a_batch_ends_when_it_is_full_of_bytes(run: Path) -> None:
    make(run, {f"{number:02}": bytes(BATCH_BYTES // 4) for number in range(10)})
    assert [len(list(entries_in(unit))) for unit in units_of(run)] == [1 + 4, 4, 2]


def test_a_batch_ends_when_it_is_full_of_bytes_of_several_directories(run: Path) -> None:
    directory = {str(number): bytes(BATCH_BYTES // 8) for number in range(5)}
    make(run, {f"{number:02}": directory for number in range(8)})
    for unit in units_of(run)[:-1]:
        assert sum(size for _, size in entries_in(unit)) == BATCH_BYTES


def test_a_batch_ends_when_it_is_full_of_entries(run: Path) -> None:
    make(run, {f"{number:03}": b"" for number in range(2 * BATCH_ENTRIES)})
    counts = [len(list(entries_in(unit))) for unit in units_of(run)]
    assert counts == [BATCH_ENTRIES, BATCH_ENTRIES, 1]


def test_a_batch_of_directories_ends_when_it_is_full_of_entries(run: Path) -> None:
    make(run, {f"{number:03}": {} for number in range(2 * BATCH_ENTRIES)})
    counts = [len(list(entries_in(unit))) for unit in units_of(run)]
    assert counts == [BATCH_ENTRIES, BATCH_ENTRIES, 1]


def test_a_batch_holds_few_directories_open(run: Path) -> None:
    make(run, {f"{number:03}": {"out": b""} for number in range(3 * BATCH_DIRECTORIES)})
    with planned(run) as units:
        held = []
        for unit in units:
            assert isinstance(unit, Batch)
            held.append(len(unit.descriptors))
            unit.close()
    assert held == [BATCH_DIRECTORIES] * 3


@pytest.mark.parametrize("in_flight", [1, 7, 100, OPEN_DIRECTORIES, 1000])
def test_the_more_units_are_in_flight_the_fewer_directories_each_holds_open(
    run: Path, in_flight: int
) -> None:
    make(run, {f"{number:02}": {"out": b""} for number in range(40)})
    with surveyed(run) as survey, closing(survey.entries()) as entries:
        for unit in Plan(entries, in_flight=in_flight):
            assert isinstance(unit, Batch)
            held = len(unit.descriptors)
            unit.close()
            assert held * in_flight <= OPEN_DIRECTORIES or held <= 1


def test_what_is_left_out_is_no_member(run: Path) -> None:
    make(run, {"out": b"", "link": LinkTo("/etc/passwd")})
    os.mkfifo(run / "pipe")
    with opened(run) as descriptor, closing(walk(descriptor, b"RUN4")) as entries:
        (batch,) = known(Plan(entries))
        batch.close()
    assert list(entries_in(batch)) == [(b"RUN4/", 0), (b"RUN4/out", 0)]


def test_a_plan_yields_none_where_its_entries_do_and_later_goes_on_with_the_batch() -> None:
    entries = [unlisted(b"RUN4/"), None, None, unlisted(b"RUN4/a/"), unlisted(b"RUN4/b/"), None]
    *yet, batch = Plan(entries)
    assert yet == [None, None, None]
    assert batch
    assert [name for name, _ in entries_in(batch)] == [b"RUN4/", b"RUN4/a/", b"RUN4/b/"]


LARGE: Mapping[str, Node] = {
    **TREE,
    "c": {"large": content("table", 2 * MIB + 1), "small": b"c"},
    "many": {f"{number:03}": b"" for number in range(2 * BATCH_ENTRIES)},
}


def test_a_plan_that_is_closed_at_any_point_leaves_nothing_open(run: Path) -> None:
    remake(run, LARGE)
    for stop in range(len(units_of(run)) + 1):
        with nothing_left_behind(), planned(run) as units:
            for _ in range(stop):
                next(units).close()


def test_a_plan_whose_units_are_all_packed_leaves_nothing_open(run: Path) -> None:
    remake(run, LARGE)
    with nothing_left_behind(), planned(run) as units:
        for unit in units:
            unit.release()


def test_a_unit_may_be_closed_again(run: Path) -> None:
    remake(run, LARGE)
    with nothing_left_behind(), planned(run) as plan:
        units = list(plan)
        for unit in [*units, *units]:
            unit.release()
            unit.close()


def test_a_large_file_is_open_until_its_last_segment_is_packed(run: Path) -> None:
    make(run, {"large": content("table", 2 * MIB + 1)})
    with planned(run) as units:
        batch, *segments = units
        batch.close()
        for segment in segments:
            assert open_below(run / "large")
            segment.release()
        assert not open_below(run / "large")


@pytest.mark.parametrize("size", [0, SEGMENT, SEGMENT + 1, SEGMENT + 2])
def test_a_large_file_that_changed_since_it_was_measured_is_named(run: Path, size: int) -> None:
    remake(run, {"large": bytes(SEGMENT + 1)})
    with nothing_left_behind(), planned(run) as units:
        (run / "large").write_bytes(b"x" * size)
        with pytest.raises(TreeChanged, match=r"^RUN4/large changed while it was being packed$"):
            list(units)


def test_a_file_that_came_since_measuring_is_noticed(run: Path) -> None:
    remake(run, {"a": b""})
    with nothing_left_behind(), planned(run) as units:
        make(run / "b", b"")
        with pytest.raises(TreeChanged, match="RUN4/"):
            list(units)


@pytest.mark.parametrize("length", [MAX_16, MAX_16 + 1])
def test_a_name_that_no_zip_can_hold_is_refused(run: Path, length: int) -> None:
    make(run, {})
    with opened(run) as descriptor:
        files = FileGroup(b"x" * (length - 1), descriptor, 0, [b"y"], [0], [0])
        units = known(Plan([files]))
        if length == MAX_16:
            next(units).close()
        else:
            with pytest.raises(InvalidResultsDirectory, match=f"{length} bytes is too long"):
                next(units)
