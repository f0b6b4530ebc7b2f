"""What packing could leave behind in this process."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def nothing_left_behind() -> Iterator[None]:
    """After the block there is no descriptor, packing thread or child that was not there before."""
    before = resources()
    try:
        yield
    finally:
        if not resources() <= before:
            gc.collect()  # errors that refer to themselves, and what their frames hold
        assert resources() - before == set()


def resources() -> set[str]:
    """Open descriptors, packing threads and helper processes, also those that nobody waited for."""
    threads = {each.name for each in threading.enumerate() if each.name.startswith("packing")}
    return (
        {f"descriptor {number} of {target}" for number, target in descriptors().items()}
        | {f"thread {name}" for name in threads}
        | {f"child {pid}" for pid in children()}
    )


def children() -> set[int]:
    """Helper processes that this process started and has not waited for.

    The servers that other tests started do not count; they live as long as the session.
    """
    pids: set[int] = set()
    for listing in Path("/proc/self/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            pids.update(map(int, listing.read_text().split()))
    return {pid for pid in pids if _is_helper(pid)}


def _is_helper(pid: int) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return b"\0-I\0-S\0-c\0" in command or not command  # one that has ended has none


def open_below(directory: Path) -> set[str]:
    """Paths in the directory that this process holds open."""
    return {each for each in descriptors().values() if Path(each).is_relative_to(directory)}


def descriptors() -> dict[int, str]:
    """The paths of this process' open files by their descriptors."""
    targets = {}
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing's own descriptor is closed by now
            targets[int(descriptor.name)] = str(descriptor.readlink())
    return targets
