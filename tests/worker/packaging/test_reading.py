import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.worker.packaging.faults import at_call, before_calls, calls_of, fail, short_reads
from tests.worker.packaging.left_behind import nothing_left_behind
from tests.worker.packaging.plans import opened
from tests.worker.packaging.trees import LinkTo, content, make
from worker.errors import TreeChanged
from worker.packaging.reading import read_file, shown


def read(directory: Path, size: int) -> bytes:
    with opened(directory) as parent:
        data, status = read_file(b"RUN4/out", b"out", parent, size)
    assert status.st_size == size
    return data


def refusal(directory: Path, size: int) -> str:
    """Why the file is not read; it is closed all the same."""
    with nothing_left_behind(), pytest.raises(TreeChanged) as failure:
        read(directory, size)
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
    make(run, {"out": bytes(100)})
    with short_reads(most):
        assert refusal(run, measured) == "RUN4/out changed its size while it was being packed"


@pytest.mark.parametrize("size", [0, 1, 100])
def test_a_file_that_grows_between_its_status_and_its_reading_is_not_read(
    run: Path, size: int
) -> None:
    make(run, {"out": bytes(size)})

    def grow(*call: object) -> None:
        with (run / "out").open("ab") as file:
            file.write(b"more")

    with before_calls("read", grow):
        assert refusal(run, size) == "RUN4/out changed its size while it was being packed"


def a_link(path: Path) -> None:
    make(path, LinkTo("elsewhere"))


@pytest.mark.parametrize(
    ("make_it", "message"),
    [
        (Path.mkdir, "is no regular file any more"),
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
    assert refusal(run, 6) == f"RUN4/out {message}"


@pytest.mark.parametrize("function", ["open", "fstat", "read"])
def test_whichever_call_fails_the_file_is_named_and_closed(run: Path, function: str) -> None:
    make(run, {"out": bytes(100)})
    with opened(run) as parent, short_reads(30):

        def read_it() -> None:
            read_file(b"RUN4/out", b"out", parent, 100)

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
