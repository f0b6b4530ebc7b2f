"""Walks a directory tree in one fixed order, by descriptors, without following links."""

import os
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from worker.errors import InvalidResultsDirectory, TreeChanged
from worker.packaging.results_roots import OPEN_DIRECTORY

#: Each level holds one descriptor, of the 1,024 that a process may have, and two Python frames.
MAX_DEPTH = 200


@dataclass(frozen=True, slots=True)
class Directory:
    name: bytes
    """With its closing slash, as in a ZIP."""
    status: os.stat_result


@dataclass(frozen=True, slots=True)
class File:
    """A regular file, to be opened while the walk stands at it."""

    name: bytes
    parent: int
    base: str

    def size(self) -> int:
        with reading(self.name):
            return os.stat(self.base, dir_fd=self.parent, follow_symlinks=False).st_size

    @contextmanager
    def opened(self) -> Iterator[tuple[int, os.stat_result]]:
        """Its descriptor and status; TreeChanged if it is not the same when the block ends."""
        # O_NONBLOCK: a FIFO swapped in for the file must not hang the worker
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with reading(self.name):
            descriptor = os.open(self.base, flags, dir_fd=self.parent)
            try:
                before = os.fstat(descriptor)
                if not stat.S_ISREG(before.st_mode):
                    raise TreeChanged(f"{shown(self.name)} is no regular file any more")
                yield descriptor, before
                _require_unchanged(self.name, before, os.fstat(descriptor))
            finally:
                os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link that stays within the tree, kept as a link."""

    name: bytes
    target: bytes
    status: os.stat_result


@dataclass(frozen=True, slots=True)
class LeftOut:
    name: bytes
    reason: str


Entry = Directory | File | Link | LeftOut


def shown(name: bytes) -> str:
    """The name for a person: valid Unicode on one line."""
    return repr(name.decode(errors="backslashreplace"))[1:-1]


@contextmanager
def reading(name: bytes) -> Iterator[None]:
    """TreeChanged for what the operating system refuses in the block."""
    try:
        yield
    except OSError as error:
        raise TreeChanged(f"{shown(name)} can't be read: {error.strerror}") from error


def walk(directory: int, name: bytes, depth: int = 0) -> Generator[Entry]:
    """All of the open directory, itself first, each level sorted by the names' bytes.

    A directory whose entries change until the walk leaves it raises TreeChanged.
    """
    if depth > MAX_DEPTH:
        raise InvalidResultsDirectory(f"{shown(name)} lies more than {MAX_DEPTH} levels deep")
    with reading(name):
        before = os.fstat(directory)
    yield Directory(name + b"/", before)
    for entry in listed(directory, name):
        inner = name + b"/" + os.fsencode(entry.name)
        with reading(inner):  # where a listing names no types, asking for one asks the file system
            is_directory = entry.is_dir(follow_symlinks=False)
            is_file = entry.is_file(follow_symlinks=False)
        if is_directory:
            with opened_directory(inner, entry.name, directory) as descriptor:
                yield from walk(descriptor, inner, depth + 1)
        elif is_file:
            yield File(inner, directory, entry.name)
        else:
            yield _special(inner, entry.name, directory)
    with reading(name):
        _require_unchanged(name, before, os.fstat(directory))


def listed(directory: int, name: bytes) -> list[os.DirEntry[str]]:
    """The directory's entries by the bytes of their names, whatever order it keeps them in."""
    with reading(name), os.scandir(directory) as listing:
        return sorted(listing, key=lambda entry: os.fsencode(entry.name))


@contextmanager
def opened_directory(name: bytes, base: str, parent: int) -> Iterator[int]:
    """A descriptor of the directory `base` of `parent`, which no link may have replaced."""
    with reading(name):
        descriptor = os.open(base, OPEN_DIRECTORY, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _special(name: bytes, base: str, parent: int) -> Link | LeftOut:
    with reading(name):
        status = os.stat(base, dir_fd=parent, follow_symlinks=False)
        if not stat.S_ISLNK(status.st_mode):
            return LeftOut(name, _KINDS.get(stat.S_IFMT(status.st_mode), "no regular file"))
        target = os.fsencode(os.readlink(base, dir_fd=parent))
    if _stays_within(name, target):
        return Link(name, target, status)
    return LeftOut(name, "link out of the tree")


_KINDS = {
    stat.S_IFSOCK: "socket",
    stat.S_IFIFO: "named pipe",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


def _stays_within(name: bytes, target: bytes) -> bool:
    """Whether a link at `name` can't lead above the first directory of its name.

    `..` may only lead: behind another name, which may be a link too, it could climb out.
    """
    steps = [step for step in target.split(b"/") if step not in (b"", b".")]
    climbs = next((at for at, step in enumerate(steps) if step != b".."), len(steps))
    levels_to_climb = name.count(b"/") - 1
    return not target.startswith(b"/") and climbs <= levels_to_climb and b".." not in steps[climbs:]


def _require_unchanged(name: bytes, before: os.stat_result, after: os.stat_result) -> None:
    def identity(status: os.stat_result) -> tuple[int, ...]:
        return status.st_size, status.st_mtime_ns, status.st_ctime_ns

    if identity(before) != identity(after):
        raise TreeChanged(f"{shown(name)} changed while it was being packed")
