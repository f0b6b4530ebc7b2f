import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.worker.packaging.changes import TREE, remake
from tests.worker.packaging.faults import at_call, before_calls, calls_of, fail
from tests.worker.packaging.left_behind import nothing_left_behind, open_below
from tests.worker.packaging.plans import opened, surveyed
from tests.worker.packaging.trees import Node, make, trees
from worker.errors import TreeChanged
from worker.packaging.tree.entries import Directory, Entry, FileGroup, LeaveDirectory, Omitted
from worker.packaging.tree.survey import Survey
from worker.packaging.tree.walk import GROUP_SIZE, walk

few_examples = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def walked(run: Path) -> list[Entry]:
    """The entries of a walk that a survey keeps, with -1 for descriptors, which are closed."""
    with opened(run) as descriptor:
        entries = walk(descriptor, os.fsencode(run.name))
        return [closed(entry) for entry in entries if not isinstance(entry, Omitted)]


def closed(entry: Entry) -> Entry:
    return replace(entry, descriptor=-1) if isinstance(entry, FileGroup) else entry


@contextmanager
def told(run: Path) -> Iterator[Iterator[Entry | None]]:
    """The entries that a survey of the tree, made now, tells."""
    with surveyed(run) as survey, closing(survey.entries()) as entries:
        yield entries


@few_examples
@given(tree=trees)
def test_what_a_walk_found_is_told_again_with_the_right_directory_open(
    run_in_memory: Path, tree: Mapping[str, Node]
) -> None:
    remake(run_in_memory, tree)
    with nothing_left_behind(), told(run_in_memory) as entries:
        seen = []
        for entry in entries:
            assert entry
            seen.append(closed(entry))
            if isinstance(entry, FileGroup):
                where = run_in_memory.parent / os.fsdecode(entry.directory)
                assert os.path.samestat(os.fstat(entry.descriptor), where.stat())
    assert seen == walked(run_in_memory)


@few_examples
@given(tree=trees, turns=st.lists(st.integers(0, 3)))
def test_a_survey_may_be_read_while_the_walk_goes_on_and_yields_none_until_it_has_more(
    run_in_memory: Path, tree: Mapping[str, Node], turns: list[int]
) -> None:
    remake(run_in_memory, tree)
    seen: list[Entry] = []
    with opened(run_in_memory) as descriptor:
        survey = Survey(descriptor)
        entries = survey.entries()
        walking = walk(descriptor, b"RUN4")
        for count in turns:
            for found in islice(walking, count):
                survey.add(found)
            while entry := next(entries):
                seen.append(closed(entry))
        for found in walking:
            survey.add(found)
        survey.complete()
        seen += [closed(entry) for entry in entries if entry]
    assert seen == walked(run_in_memory)


def test_a_survey_yields_none_before_anything_was_added_and_ends_when_it_is_complete(
    run: Path,
) -> None:
    make(run, {})
    with opened(run) as descriptor:
        survey = Survey(descriptor)
        entries = survey.entries()
        assert [next(entries), next(entries)] == [None, None]
        for entry in walk(descriptor, b"RUN4"):
            survey.add(entry)
        assert isinstance(next(entries), Directory)
        assert [next(entries), next(entries)] == [LeaveDirectory(), None]
        survey.complete()
        assert list(entries) == []


@pytest.mark.parametrize("count", [GROUP_SIZE, 3 * GROUP_SIZE + 1])
def test_many_files_of_a_directory_are_told_of_in_the_walks_chunks(run: Path, count: int) -> None:
    make(run, {f"{number:05}": b"x" * (number % 97) for number in range(count)})
    with told(run) as entries:
        chunks = [entry for entry in entries if isinstance(entry, FileGroup)]
    assert [len(chunk.names) for chunk in chunks[:-1]] == [GROUP_SIZE] * ((count - 1) // GROUP_SIZE)
    assert [base for each in chunks for base in each.names] == [b"%05d" % n for n in range(count)]
    assert [size for each in chunks for size in each.sizes] == [n % 97 for n in range(count)]


def gets_a_file(directory: Path) -> None:
    make(directory / "new", b"")


def gets_another_mode(directory: Path) -> None:
    directory.chmod(0o700)


def is_replaced(directory: Path) -> None:
    """Replace the directory by another that holds the same."""
    shutil.copytree(directory, directory.with_name("copy"), symlinks=True)
    shutil.rmtree(directory)
    directory.with_name("copy").rename(directory)


def goes(directory: Path) -> None:
    shutil.rmtree(directory)


def becomes_a_link(directory: Path) -> None:
    directory.rename(directory.with_name("moved"))
    directory.symlink_to("moved")


def becomes_a_file(directory: Path) -> None:
    shutil.rmtree(directory)
    make(directory, b"")


CHANGES = [
    gets_a_file,
    gets_another_mode,
    is_replaced,
    goes,
    becomes_a_link,
    becomes_a_file,
]


@pytest.mark.parametrize("where", ["a", "a/inner", "b", "empty"])
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_directory_that_changed_since_the_walk_is_not_told_of(
    run: Path, change: Callable[[Path], None], where: str
) -> None:
    remake(run, TREE)
    with nothing_left_behind(), told(run) as entries:
        change(run / where)
        seen: list[bytes] = []
        with pytest.raises(TreeChanged, match=r"^RUN4/\S* (changed while|can't be read: )"):
            seen.extend(entry.name for entry in entries if isinstance(entry, Directory))
    assert os.fsencode(f"RUN4/{where}/") not in seen


@pytest.mark.parametrize("where", [".", "a", "a/inner"])
def test_a_directory_that_changes_while_it_is_told_of_is_named(run: Path, where: str) -> None:
    remake(run, TREE)
    with nothing_left_behind(), told(run) as entries:
        for entry in entries:
            if isinstance(entry, FileGroup) and entry.directory == b"RUN4/a/inner/":
                break
        gets_a_file(run / where)
        name = Path("RUN4") / where
        with pytest.raises(TreeChanged, match=f"^{name}/ changed while it was being packed$"):
            list(entries)


def test_a_survey_that_is_closed_at_any_point_leaves_nothing_open(run: Path) -> None:
    remake(run, TREE)
    for stop in range(len(walked(run)) + 1):
        with nothing_left_behind(), told(run) as entries:
            for _ in range(stop):
                next(entries)


def test_only_the_directories_around_the_current_entry_are_open(run: Path) -> None:
    remake(run, TREE)
    above = {str(run)}
    with told(run) as entries:
        for entry in entries:
            if isinstance(entry, Directory):
                above.add(str(run.parent / os.fsdecode(entry.name)).rstrip("/"))
            assert open_below(run) <= above
    assert open_below(run) == set()


@pytest.mark.parametrize("function", ["open", "fstat"])
def test_whichever_call_fails_the_directory_is_named_and_nothing_stays_open(
    run: Path, function: str
) -> None:
    remake(run, TREE)
    with surveyed(run) as survey:
        calls = calls_of(function, lambda: list(survey.entries()))
    assert calls >= 4
    for number in range(1, calls + 1):
        with (
            nothing_left_behind(),
            told(run) as entries,
            before_calls(function, at_call(number, fail)),
            pytest.raises(TreeChanged, match=r"^RUN4/.* can't be read: Input/output error$"),
        ):
            list(entries)
