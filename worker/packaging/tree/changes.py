"""Recognises files and directories that changed since they were measured, or can't be read."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from worker.errors import TreeChanged
from worker.printable import unambiguous

#: Mode, as in `st_mode`, and modification time in whole seconds.
Stamp = tuple[int, int]
#: A number that differs once a file or directory was written to.
Identity = int


def stamp(status: os.stat_result) -> Stamp:
    return status.st_mode & 0xFFFF, int(status[stat.ST_MTIME])


def identity(status: os.stat_result) -> Identity:
    """Size and times of last change hashed to 64 bits, the same in every process."""
    return hash((status.st_size, status.st_mtime_ns, status.st_ctime_ns))


def require_measured(name: bytes, status: os.stat_result, measured: Identity) -> None:
    """Raise TreeChanged unless this is the status of the regular file that was measured."""
    if not stat.S_ISREG(status.st_mode):
        raise TreeChanged(f"{shown(name)} is no regular file any more")
    if identity(status) != measured:
        raise _changed(name)


def require_size(name: bytes, measured: int, found: int) -> None:
    """Raise TreeChanged unless as many bytes were read as were measured."""
    if found != measured:
        raise TreeChanged(f"{shown(name)} changed its size while it was being packed")


def require_unchanged(name: bytes, before: Identity, descriptor: int) -> None:
    """Raise TreeChanged if the open file or directory was written to since `before`."""
    try:
        after = identity(os.fstat(descriptor))
    except OSError as error:
        raise unreadable(name, error) from error
    if after != before:
        raise _changed(name)


def _changed(name: bytes) -> TreeChanged:
    return TreeChanged(f"{shown(name)} changed while it was being packed")


@contextmanager
def translated_os_errors(name: bytes) -> Iterator[None]:
    """Raise TreeChanged with the name for an OSError in the block."""
    try:
        yield
    except OSError as error:
        raise unreadable(name, error) from error


def unreadable(name: bytes, error: OSError) -> TreeChanged:
    return TreeChanged(f"{shown(name)} can't be read: {error.strerror}")


def shown(name: bytes) -> str:
    """The name for a person: valid Unicode on one line, and no two names alike."""
    return unambiguous(name.decode(errors="surrogateescape"))
