"""Walks a directory tree in one fixed order, by descriptors, without following links."""

import os
import stat
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from itertools import groupby

from worker.errors import InvalidResultsDirectory
from worker.packaging.tree.files import (
    Identity,
    Stamp,
    identity,
    require_unchanged,
    shown,
    stamp,
    unreadable,
)
from worker.packaging.tree.roots import OPEN_DIRECTORY

#: Each level holds two descriptors, of the 1,024 that a process may have, and two Python frames.
MAX_DEPTH = 200
#: Files of a directory that are told of at once: it may hold a million, and the helpers are heard
#: in between.
TOGETHER = 256


@dataclass(frozen=True, slots=True)
class Directory:
    name: bytes
    """With its closing slash, as in a ZIP."""
    base: bytes
    """Its name in the directory above."""
    stamp: Stamp
    identity: Identity
    content = b""


class Left(Enum):
    """That a directory is left, with all that lies in it."""

    DIRECTORY = auto()


@dataclass(frozen=True, slots=True)
class Files:
    """Regular files that follow each other in a directory, open while the walk stands here."""

    directory: bytes
    """Its name, with its closing slash."""
    descriptor: int
    identity: Identity
    names: list[bytes]
    sizes: list[int]
    identities: list[Identity]


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link that stays within the tree, kept as a link."""

    name: bytes
    stamp: Stamp
    content: bytes
    """Its target."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    name: bytes
    reason: str


Entry = Directory | Left | Files | Link | LeftOut


@contextmanager
def reading(name: bytes) -> Iterator[None]:
    """TreeChanged for what the operating system refuses in the block."""
    try:
        yield
    except OSError as error:
        raise unreadable(name, error) from error


def walk(directory: int, name: bytes, base: bytes = b".", depth: int = 0) -> Generator[Entry]:
    """All of the open directory, itself first, each level sorted by the names' bytes.

    `base` is what it is called in the directory above. TreeChanged if a directory's entries change
    until the walk leaves it.
    """
    if depth > MAX_DEPTH:
        raise InvalidResultsDirectory(f"{shown(name)} lies more than {MAX_DEPTH} levels deep")
    beneath = name + b"/"
    with reading(name):
        status = os.fstat(directory)
    before = identity(status)
    yield Directory(beneath, base, stamp(status), before)
    names, kinds = listed(directory, name)
    for kind, same in grouped(names, kinds):
        if kind is Kind.FILE:
            yield from _files(beneath, directory, before, list(same))
            continue
        for below in same:
            inner = beneath + below
            if kind is Kind.DIRECTORY:
                with opened_directory(inner, below, directory) as descriptor:
                    yield from walk(descriptor, inner, below, depth + 1)
            else:
                yield special(inner, below, directory)
    require_unchanged(name, before, directory)
    yield Left.DIRECTORY


def _files(name: bytes, directory: int, before: Identity, names: list[bytes]) -> Iterator[Files]:
    for at in range(0, len(names), TOGETHER):
        files = Files(name, directory, before, names[at : at + TOGETHER], [], [])
        for base in files.names:
            try:
                status = os.stat(base, dir_fd=directory, follow_symlinks=False)
            except OSError as error:
                raise unreadable(name + base, error) from error
            files.sizes.append(status.st_size)
            files.identities.append(identity(status))
        yield files


def grouped(
    names: list[bytes], kinds: dict[bytes, "Kind"]
) -> Iterator[tuple["Kind", Iterable[bytes]]]:
    """Names of the same kind that follow each other."""
    if kinds or not names:
        return groupby(names, key=lambda base: kinds.get(base, Kind.FILE))
    return iter([(Kind.FILE, names)])


class Kind(Enum):
    FILE = auto()
    DIRECTORY = auto()
    SPECIAL = auto()


def listed(directory: int, name: bytes) -> tuple[list[bytes], dict[bytes, Kind]]:
    """The directory's names in order, whatever order it keeps them in, and what is not a file.

    Names alone, since a directory may hold a million.
    """
    names: list[str] = []
    kinds: dict[bytes, Kind] = {}
    with reading(name), os.scandir(directory) as listing:
        for entry in listing:
            names.append(entry.name)
            try:  # where a listing names no types, asking for one asks the file system
                if entry.is_file(follow_symlinks=False):
                    continue
                is_directory = entry.is_dir(follow_symlinks=False)
            except OSError as error:
                raise unreadable(name + b"/" + os.fsencode(entry.name), error) from error
            kinds[os.fsencode(entry.name)] = Kind.DIRECTORY if is_directory else Kind.SPECIAL
    return sorted(os.fsencode("\0".join(names)).split(b"\0")) if names else [], kinds


def open_directory(name: bytes, base: bytes, parent: int) -> int:
    """A descriptor of the directory `base` of `parent`, which no link may have replaced."""
    with reading(name):
        return os.open(base, OPEN_DIRECTORY, dir_fd=parent)


@contextmanager
def opened_directory(name: bytes, base: bytes, parent: int) -> Iterator[int]:
    descriptor = open_directory(name, base, parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def special(name: bytes, base: bytes, parent: int) -> Link | LeftOut:
    with reading(name):
        status = os.stat(base, dir_fd=parent, follow_symlinks=False)
        if not stat.S_ISLNK(status.st_mode):
            return LeftOut(name, _KINDS.get(stat.S_IFMT(status.st_mode), "no regular file"))
        target = os.readlink(base, dir_fd=parent)
    if _stays_within(name, target):
        return Link(name, stamp(status), target)
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
