"""Walks a directory tree in one fixed order, by descriptors, without following links."""

import os
import stat
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from itertools import groupby

from worker.errors import InvalidResultsDirectory
from worker.packaging.tree.changes import (
    Identity,
    identity,
    require_unchanged,
    shown,
    stamp,
    translated_os_errors,
    unreadable,
)
from worker.packaging.tree.entries import (
    Directory,
    Entry,
    FileGroup,
    LeaveDirectory,
    Link,
    Omitted,
)
from worker.packaging.tree.links import stays_within_tree
from worker.packaging.tree.roots import OPEN_DIRECTORY

#: Each level takes two descriptors, of the 1,024 that a process may have, and two Python frames.
MAX_DEPTH = 200
#: Files of a group at most: a directory may hold a million, and the helper processes want new work
#: and a place for what they packed in between.
GROUP_SIZE = 256


def walk(directory: int, name: bytes, base: bytes = b".", depth: int = 0) -> Generator[Entry]:
    """Yield all entries of the open directory, itself first, each level sorted by the names' bytes.

    `base` is its name in the directory above. Raises TreeChanged if a directory's entries change
    before the walk leaves it, InvalidResultsDirectory beneath `MAX_DEPTH` levels.
    """
    if depth > MAX_DEPTH:
        raise InvalidResultsDirectory(f"{shown(name)} lies more than {MAX_DEPTH} levels deep")
    beneath = name + b"/"
    with translated_os_errors(name):
        status = os.fstat(directory)
    before = identity(status)
    yield Directory(beneath, base, stamp(status), before)
    names, kinds = listed(directory, name)
    for kind, same in _grouped(names, kinds):
        if kind is Kind.FILE:
            yield from _file_groups(beneath, directory, before, list(same))
            continue
        for below in same:
            inner = beneath + below
            if kind is Kind.DIRECTORY:
                with opened_directory(inner, below, directory) as descriptor:
                    yield from walk(descriptor, inner, below, depth + 1)
            else:
                yield special(inner, below, directory)
    require_unchanged(name, before, directory)
    yield LeaveDirectory()


def _file_groups(
    name: bytes, directory: int, before: Identity, names: list[bytes]
) -> Iterator[FileGroup]:
    for at in range(0, len(names), GROUP_SIZE):
        group = FileGroup(name, directory, before, names[at : at + GROUP_SIZE], [], [])
        for base in group.names:
            try:
                status = os.stat(base, dir_fd=directory, follow_symlinks=False)
            except OSError as error:
                raise unreadable(name + base, error) from error
            group.sizes.append(status.st_size)
            group.identities.append(identity(status))
        yield group


class Kind(Enum):
    """What a directory's listing tells of a name, without asking for its status."""

    FILE = auto()
    DIRECTORY = auto()
    SPECIAL = auto()


def _grouped(
    names: list[bytes], kinds: dict[bytes, Kind]
) -> Iterator[tuple[Kind, Iterable[bytes]]]:
    if kinds or not names:
        return groupby(names, key=lambda base: kinds.get(base, Kind.FILE))
    return iter([(Kind.FILE, names)])


def listed(directory: int, name: bytes) -> tuple[list[bytes], dict[bytes, Kind]]:
    """The names in an open directory, sorted, and the kind of each that is no regular file.

    Nothing else is kept of an entry, since a directory may hold a million.
    """
    names: list[str] = []
    kinds: dict[bytes, Kind] = {}
    with translated_os_errors(name), os.scandir(directory) as listing:
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
    """A descriptor of the directory `base` of `parent`; TreeChanged if a link replaced it."""
    with translated_os_errors(name):
        return os.open(base, OPEN_DIRECTORY, dir_fd=parent)


@contextmanager
def opened_directory(name: bytes, base: bytes, parent: int) -> Iterator[int]:
    """The same descriptor, closed behind the block."""
    descriptor = open_directory(name, base, parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def special(name: bytes, base: bytes, parent: int) -> Link | Omitted:
    """The entry of what is neither a regular file nor a directory."""
    with translated_os_errors(name):
        status = os.stat(base, dir_fd=parent, follow_symlinks=False)
        if not stat.S_ISLNK(status.st_mode):
            return Omitted(name, _REASONS.get(stat.S_IFMT(status.st_mode), "no regular file"))
        target = os.readlink(base, dir_fd=parent)
    if stays_within_tree(name, target):
        return Link(name, stamp(status), target)
    return Omitted(name, "link out of the tree")


_REASONS = {
    stat.S_IFSOCK: "socket",
    stat.S_IFIFO: "named pipe",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}
