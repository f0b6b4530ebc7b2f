import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.worker.packaging.changes import remake, rewrite, rewrite_in_secret
from tests.worker.packaging.faults import at_call, before_calls, calls_of, fail, short_reads
from tests.worker.packaging.left_behind import nothing_left_behind
from tests.worker.packaging.plans import opened
from tests.worker.packaging.trees import LinkTo, content, make
from worker.errors import TreeChanged
from worker.packaging.tree.changes import identity, shown
from worker.packaging.tree.files import open_measured, read_files


def read(directory: Path, size: int, measured: int | None = None) -> bytes:
    """Read the file `out` with this size and identity, by default the file's own identity."""
    measured = measure(directory) if measured is None else measured
    with opened(directory) as parent:
        [(name, data, stamp)] = read_files(b"RUN4/", parent, [b"out"], [size], [measured])
    assert name == b"RUN4/out"
    status = (directory / "out").lstat()
    assert stamp == (status.st_mode, status.st_mtime_ns // 10**9)
    return data


def measure(directory: Path) -> int:
    return identity((directory / "out").lstat())


def refusal(directory: Path, size: int, measured: int | None = None) -> str:
    """The reason why the file is not read. It must not stay open."""
    with nothing_left_behind(), pytest.raises(TreeChanged) as failure:
        read(directory, size, measured)
    return str(failure.value)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(0, 3000), most=st.integers(1, 4000))
def test_a_file_is_read_whole_however_short_the_reads_are(
    run_in_memory: Path, size: int, most: int
) -> None:
    run_in_memory.mkdir(exist_ok=True)
    make(run_in_memory / "out", content("random", size))
    with short_reads(most):
        assert read(run_in_memory, size) == content("random", size)


@pytest.mark.parametrize("measured", [0, 1, 99, 101, 10_000])
@pytest.mark.parametrize("most", [1, 50, 1 << 20])
def test_a_file_of_another_size_than_measured_is_not_read(
    run: Path, measured: int, most: int
) -> None:
    make(run, {"out": bytes(measured)})
    before = measure(run)
    (run / "out").write_bytes(bytes(100))
    with short_reads(most):
        assert refusal(run, measured, before) == "RUN4/out changed while it was being packed"


@pytest.mark.parametrize("size", [0, 1, 99, 101, 10_000])
def test_a_file_that_gives_fewer_bytes_than_its_status_tells_or_more_is_not_read(
    run: Path, size: int
) -> None:
    make(run, {"out": bytes(100)})
    assert refusal(run, size) == "RUN4/out changed its size while it was being packed"


@pytest.mark.parametrize("function", ["open", "read", "fstat"])
@pytest.mark.parametrize("size", [0, 1, 100])
def test_a_file_that_grows_until_its_reading_is_over_is_not_read(
    run: Path, size: int, function: str
) -> None:
    make(run, {"out": bytes(size)})
    before = measure(run)

    def grow(*call: object) -> None:
        with (run / "out").open("ab") as file:
            file.write(b"more")

    with before_calls(function, grow):
        assert refusal(run, size, before) == "RUN4/out changed while it was being packed"


def replace(path: Path) -> None:
    """Replace the file by a copy with the same times."""
    shutil.copy2(path, path.with_name("copy"))
    path.with_name("copy").rename(path)


same_size = pytest.mark.parametrize(
    "change", [rewrite, rewrite_in_secret, replace], ids=lambda change: change.__name__
)


@same_size
def test_a_file_that_changed_since_it_was_measured_is_not_read_though_its_size_is_the_same(
    run: Path, change: Callable[[Path], None]
) -> None:
    remake(run, {"out": b"as it was"})
    before = measure(run)
    change(run / "out")
    assert refusal(run, 9, before) == "RUN4/out changed while it was being packed"


@same_size
def test_a_file_that_changed_since_it_was_measured_is_not_opened_either(
    run: Path, change: Callable[[Path], None]
) -> None:
    remake(run, {"out": b"as it was"})
    before = measure(run)
    change(run / "out")
    changed = pytest.raises(TreeChanged, match=r"^RUN4/out changed while it was being packed$")
    with opened(run) as parent, nothing_left_behind(), changed:
        open_measured(b"RUN4/out", b"out", parent, before)


def a_link(path: Path) -> None:
    make(path, LinkTo("elsewhere"))


@pytest.mark.parametrize(
    ("make_it", "message"),
    [
        (Path.mkdir, "can't be read: Is a directory"),
        (os.mkfifo, "is no regular file any more"),
        (a_link, "can't be read: Too many levels of symbolic links"),
        (lambda path: None, "can't be read: No such file or directory"),
    ],
)
def test_what_is_no_regular_file_is_not_read(
    run: Path, make_it: Callable[[Path], object], message: str
) -> None:
    make(run, {"elsewhere": b"secret"})
    make_it(run / "out")
    assert refusal(run, 6, 0) == f"RUN4/out {message}"


@pytest.mark.parametrize("function", ["open", "fstat", "read"])
def test_whichever_call_fails_the_file_is_named_and_closed(run: Path, function: str) -> None:
    make(run, {"out": bytes(100)})
    measured = measure(run)
    with opened(run) as parent, short_reads(30):

        def read_it() -> None:
            read_files(b"RUN4/", parent, [b"out"], [100], [measured])

        for number in range(1, calls_of(function, read_it) + 1):
            with (
                nothing_left_behind(),
                before_calls(function, at_call(number, fail)),
                pytest.raises(TreeChanged, match=r"^RUN4/out can't be read: Input/output error$"),
            ):
                read_it()


@given(name=st.binary())
def test_any_name_is_shown_on_one_line_of_valid_unicode(name: bytes) -> None:
    line = shown(name)
    assert line.isprintable()
    assert line.encode().decode() == line
