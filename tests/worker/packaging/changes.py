"""Trees that change while they are packed."""

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

import pytest

from tests.worker.packaging.faults import at_call, before_calls, calls_of
from tests.worker.packaging.left_behind import open_below
from tests.worker.packaging.trees import (
    MIB,
    LinkTo,
    Node,
    content,
    make,
    packager,
    packed,
    set_time,
)
from worker.errors import TreeChanged
from worker.packaging.archive_stream import Chunk
from worker.packaging.package import TreePackage

TREE: Mapping[str, Node] = {
    "a": {"small": b"small", "inner": {"deep": b"deep"}},
    "b": {"large": content("random", MIB + 5), "link": LinkTo("large")},
    "empty": {},
    "last": b"last",
}
#: Each function of the operating system through which packing looks at a tree.
READING = ("open", "scandir", "stat", "readlink", "fstat", "dup", "read", "preadv")
SECRET = Random(7).randbytes(64)  # noise, so that an archive would hold it as it is


def rewrite(path: Path) -> None:
    path.write_bytes(path.read_bytes()[::-1])


def rewrite_in_secret(path: Path) -> None:
    """Rewrite the file and set its times back."""
    before = path.stat()
    rewrite(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def attempt(run: Path) -> tuple[bytes, TreeChanged | None]:
    """Pack the run; the bytes up to an error, and the error."""
    pieces: list[Chunk] = []
    try:
        with packager(run).open(str(run)) as package:
            pieces.extend(package.chunks())
    except TreeChanged as error:
        return b"".join(pieces), error.with_traceback(None)
    return b"".join(pieces), None


def require_honesty(
    run: Path, tree: Mapping[str, Node], change: Callable[[Path], object]
) -> list[str]:
    """Pack the tree once for each call of the operating system, with the change before that call.

    Each time the result must be the archive of the tree before the change, that of the tree after
    it, or an error, without a byte of SECRET. Returns the errors' messages.
    """
    errors = []
    remake(run, tree)
    before = packed(run)
    for function in READING:
        for number in range(1, calls_of(function, lambda: packed(run)) + 1):
            with before_calls(function, at_call(number, lambda: change(run))):
                archive, error = attempt(run)
            assert SECRET not in archive
            if error:
                errors.append(one_line(error))
            else:
                assert archive in (before, packed(run)), f"{function} {number}"
            assert open_below(run) == set()
            remake(run, tree)
    return errors


def remake(run: Path, tree: Mapping[str, Node]) -> None:
    """Make the tree anew, with the same modes and times each time."""
    if run.exists():
        shutil.rmtree(run)
    make(run, tree)
    for path in (run, *run.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755)
        set_time(path, 1_700_000_000)
    settle(run)


def settle(directory: Path) -> None:
    """Wait until the file system's clock has moved on, so that later changes get other times."""
    before = max(path.lstat().st_ctime_ns for path in (directory, *directory.rglob("*")))
    probe = directory.with_name("probe")
    while True:
        probe.touch()
        after = probe.stat().st_ctime_ns
        probe.unlink()
        if after > before:
            return


def one_line(error: Exception) -> str:
    message = str(error)
    assert message.splitlines() == [message]
    return message


def failure_of(package: TreePackage) -> str:
    with pytest.raises(TreeChanged) as failure:
        for _ in package.chunks():
            pass
    return one_line(failure.value)


def failure_when(run: Path, function: str, act: Callable[..., object]) -> str:
    """The error of packing a measured tree, with `act` before each call of the function."""
    with packager(run).open(str(run)) as package, before_calls(function, act):
        return failure_of(package)


def reading(path: Path, position: int, change: Callable[[], object]) -> Callable[..., None]:
    """Make the change before the file is first read at or behind the position."""
    status = path.stat()
    pending = [change]

    def act(number: int, descriptor: int, room: object, offset: int | None = None) -> None:
        if os.path.samestat(os.fstat(descriptor), status):
            at = os.lseek(descriptor, 0, os.SEEK_CUR) if offset is None else offset
            if at >= position and pending:
                pending.pop()()

    return act


def opening(name: str, change: Callable[[], object]) -> Callable[..., None]:
    """Make the change before the file or directory of that name is opened."""

    def act(number: int, opened: str | bytes, *flags: int) -> None:
        if os.fsdecode(opened) == name:
            change()

    return act
