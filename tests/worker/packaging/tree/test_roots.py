import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.worker.packaging.faults import at_call, before_calls, without_privileges
from tests.worker.packaging.left_behind import open_below
from tests.worker.packaging.trees import LinkTo, Node, make
from worker.errors import (
    InvalidResultsDirectory,
    OneprefixError,
    PathRefused,
    PermanentError,
    ResultsDirectoryMissing,
    ResultsRootMissing,
    TreeChanged,
)
from worker.packaging.tree.roots import opened_beneath


def listed(roots: list[Path], path: Path | str) -> list[str]:
    """The names in the directory that is opened."""
    with opened_beneath(roots, str(path)) as descriptor:
        return sorted(os.listdir(descriptor))  # noqa: PTH208  # a Path has no descriptor


def refused(roots: list[Path], path: Path | str, error: type[OneprefixError]) -> str:
    with pytest.raises(error) as refusal, opened_beneath(roots, str(path)):
        pass
    message = str(refusal.value)
    assert message.splitlines() == [message]
    return message


def test_a_directory_beneath_its_root_is_opened(root: Path) -> None:
    make(root / "job", {"RUN4": {"out": b""}})
    with opened_beneath([root], str(root / "job" / "RUN4")) as descriptor:
        assert os.path.samestat(os.fstat(descriptor), (root / "job" / "RUN4").stat())


def test_the_root_itself_is_opened(root: Path) -> None:
    make(root / "RUN4", {})
    assert listed([root], root) == ["RUN4"]


@pytest.mark.parametrize("form", ["{0}/RUN4/", "{0}//RUN4", "{0}/./RUN4/.", "{0}///RUN4//"])
def test_spare_slashes_and_dots_do_not_matter(root: Path, form: str) -> None:
    make(root / "RUN4", {"out": b""})
    assert listed([root], form.format(root)) == ["out"]


def test_a_doubled_leading_slash_does_not_matter(root: Path) -> None:
    make(root / "RUN4", {"out": b""})
    assert listed([root], f"/{root}/RUN4") == ["out"]


@pytest.mark.parametrize(
    "form",
    [
        "/etc",
        "/",
        "{0}-2/RUN4",
        "{0}2",
        "RUN4",
        "./RUN4",
        "",
        ".",
        "{0.parent}",
        "{0.name}/RUN4",
        "{1}/RUN4",
    ],
)
def test_a_path_outside_the_roots_is_refused_with_the_setting_that_allows_it(
    root: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(root / "RUN4", {"out": b""})
    make(root.with_name("results-2"), {"RUN4": {}})
    make(root.with_name("results2"), {})
    monkeypatch.chdir(root)
    message = refused([root], form.format(root, str(root).lstrip("/")), PathRefused)
    assert "ONEPREFIX_RESULTS_ROOTS" in message
    assert str(root) in message


def test_without_roots_every_path_is_refused(root: Path) -> None:
    assert "none are set" in refused([], root, PathRefused)


@pytest.mark.parametrize(
    "form", ["{0}/../secret", "{0}/RUN4/..", "{0}/RUN4/../RUN4", "{0}/..", "../results/RUN4"]
)
def test_a_path_that_climbs_is_refused_wherever_it_leads(root: Path, form: str) -> None:
    make(root / "RUN4", {})
    make(root.with_name("secret"), {})
    assert "'..'" in refused([root, root.parent], form.format(root), PathRefused)


def test_a_name_that_only_begins_with_two_dots_is_a_name(root: Path) -> None:
    make(root / "..RUN4", {"out": b""})
    assert listed([root], root / "..RUN4") == ["out"]


def test_each_of_several_roots_is_opened(root: Path, tmp_path: Path) -> None:
    make(tmp_path / "scratch", {"RUN5": {"five": b""}})
    make(root / "RUN4", {"four": b""})
    roots = [root, tmp_path / "scratch"]
    assert listed(roots, root / "RUN4") == ["four"]
    assert listed(roots, tmp_path / "scratch" / "RUN5") == ["five"]


@pytest.mark.parametrize("outer_first", [True, False])
def test_of_nested_roots_the_inner_one_is_trusted(
    root: Path, tmp_path: Path, outer_first: bool
) -> None:
    make(tmp_path / "scratch", {"RUN4": {"out": b""}})
    inner = make(root / "scratch", LinkTo(str(tmp_path / "scratch")))
    roots = [root, inner] if outer_first else [inner, root]
    assert listed(roots, inner / "RUN4") == ["out"]
    refused([root], inner / "RUN4", PathRefused)


def test_the_root_may_be_a_link_and_lie_behind_links(root: Path, tmp_path: Path) -> None:
    make(root / "project", {"RUN4": {"out": b""}})
    make(tmp_path / "first", LinkTo("results"))
    make(tmp_path / "second", LinkTo("first/project"))
    assert listed([tmp_path / "second"], tmp_path / "second" / "RUN4") == ["out"]
    assert listed([tmp_path / "first" / "project"], tmp_path / "first" / "project") == ["RUN4"]


@pytest.mark.parametrize("target", ["real", "{0}/real", "{0.parent}/secret", "/", ".", "missing"])
@pytest.mark.parametrize("below", ["", "inner", "inner/RUN4"])
def test_a_link_below_the_root_is_refused_by_name_wherever_it_leads(
    root: Path, below: str, target: str
) -> None:
    make(root / "real", {"inner": {"RUN4": {}}})
    make(root.with_name("secret"), {"inner": {"RUN4": {}}})
    make(root / "link", LinkTo(target.format(root)))
    assert "'link'" in refused([root], root / "link" / below, PathRefused)


def test_a_link_in_the_middle_and_at_the_end_is_refused(root: Path) -> None:
    make(root / "job", {"real": {"RUN4": {}}, "alias": LinkTo("real"), "RUN5": LinkTo("real/RUN4")})
    assert "'alias'" in refused([root], root / "job" / "alias" / "RUN4", PathRefused)
    assert "'RUN5'" in refused([root], root / "job" / "RUN5", PathRefused)


@pytest.mark.parametrize("path", ["missing", "missing/RUN4", "job/missing", "job/RUN4/missing"])
def test_a_missing_directory_is_told_by_its_whole_path(root: Path, path: str) -> None:
    make(root / "job", {"RUN4": {}})
    assert repr(str(root / path)) in refused([root], root / path, ResultsDirectoryMissing)


@pytest.mark.parametrize("path", ["file", "file/RUN4", "pipe", "pipe/RUN4"])
def test_what_is_no_directory_is_refused(root: Path, path: str) -> None:
    make(root / "file", b"")
    os.mkfifo(root / "pipe")
    message = refused([root], root / path, InvalidResultsDirectory)
    assert f"{str(root / path)!r} is not a directory" in message


def test_a_name_with_a_newline_is_told_on_one_line(root: Path) -> None:
    assert r"RUN\n4" in refused([root], root / "RUN\n4", ResultsDirectoryMissing)


def test_a_name_longer_than_the_file_system_takes_is_refused_for_good(root: Path) -> None:
    refused([root], root / ("x" * 300), PermanentError)


@pytest.mark.parametrize("exists", [True, False])
def test_a_root_that_is_missing_or_no_directory_is_told(tmp_path: Path, exists: bool) -> None:
    if exists:
        make(tmp_path / "gone", b"")
    message = refused([tmp_path / "gone"], tmp_path / "gone" / "RUN4", ResultsRootMissing)
    assert str(tmp_path / "gone") in message


def test_a_directory_that_may_not_be_opened_is_tried_again(root: Path) -> None:
    make(root / "RUN4", {}).chmod(0)
    root.chmod(0o755)
    with ExitStack() as stack:
        after_the_root = at_call(2, lambda: stack.enter_context(without_privileges()))
        stack.enter_context(before_calls("open", after_the_root))
        message = refused([root], root / "RUN4", TreeChanged)
    assert "Permission denied" in message
    assert repr(str(root / "RUN4")) in message


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("job/RUN4", None),
        ("", None),
        ("job/missing", ResultsDirectoryMissing),
        ("job/file", InvalidResultsDirectory),
        ("job/link", PathRefused),
        ("job/RUN4/deeper/missing", ResultsDirectoryMissing),
    ],
)
def test_no_descriptor_is_left_open(
    root: Path, path: str, error: type[OneprefixError] | None
) -> None:
    make(root / "job", {"RUN4": {"deeper": {}}, "file": b"", "link": LinkTo("RUN4")})
    if error:
        refused([root], root / path, error)
    else:
        with opened_beneath([root], str(root / path)):
            assert open_below(root) == {str(root / path)}
    assert open_below(root) == set()


def test_no_descriptor_is_left_open_when_the_block_fails(root: Path) -> None:
    make(root / "RUN4", {})
    with (
        pytest.raises(ZeroDivisionError) as failure,
        opened_beneath([root], str(root / "RUN4")),
    ):
        raise ZeroDivisionError
    assert open_below(root) == set()
    assert failure.value


@pytest.mark.parametrize(("step", "taken"), [("a", 2), ("a/b", 3), ("a/b/RUN4", 4)])
@pytest.mark.parametrize("opening", [1, 2, 3, 4])
def test_a_step_swapped_for_a_link_leads_nowhere_or_was_already_taken(
    root: Path, step: str, taken: int, opening: int
) -> None:
    make(root / "a", {"b": {"RUN4": {"wanted": b""}}})
    secret: Node = {"b": {"RUN4": {"secret": b""}}, "RUN4": {"secret": b""}, "secret": b""}
    make(root.with_name("secret"), secret)

    def swap() -> None:
        (root / step).rename(root / "away")
        (root / step).symlink_to(root.with_name("secret"))

    with before_calls("open", at_call(opening, swap)):
        if opening <= taken:
            assert repr(Path(step).name) in refused([root], root / "a/b/RUN4", PathRefused)
        else:
            assert listed([root], root / "a/b/RUN4") == ["wanted"]
    assert (root / step).is_symlink()
