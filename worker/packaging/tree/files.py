"""Reads regular files, or says that one is not as it was measured."""

import os
import stat

from worker.packaging.tree.changes import (
    Identity,
    Stamp,
    require_measured,
    require_size,
    stamp,
    unreadable,
)

# O_NONBLOCK: a FIFO swapped in for the file must not hang the worker
OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

#: A file's name, content and stamp.
ReadFile = tuple[bytes, bytes, Stamp]


def open_measured(name: bytes, base: bytes, parent: int, measured: Identity) -> tuple[int, Stamp]:
    """Open the regular file `base` of the directory `parent`; its descriptor and its stamp.

    Raises TreeChanged if the file is not as it was measured, OSError if it can't be opened.
    """
    descriptor = os.open(base, OPEN_FILE, dir_fd=parent)
    try:
        status = os.fstat(descriptor)
        require_measured(name, status, measured)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, stamp(status)


def read_files(
    directory: bytes, parent: int, bases: list[bytes], sizes: list[int], measured: list[Identity]
) -> list[ReadFile]:
    """Read regular files of one directory, which `parent` holds open.

    Raises TreeChanged if a file can't be read, or is not as it was measured once it was read. Calls
    few functions, since there may be a million files.
    """
    contents: list[ReadFile] = []
    for base, size, before in zip(bases, sizes, measured, strict=True):
        name = directory + base
        try:
            descriptor = os.open(base, OPEN_FILE, dir_fd=parent)
            try:
                data = os.read(descriptor, size + 1)
                if len(data) != size:
                    data = _continued(data, descriptor, size)
                status = os.fstat(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise unreadable(name, error) from error
        now = hash((status.st_size, status.st_mtime_ns, status.st_ctime_ns))  # its identity
        if now != before or len(data) != size or not stat.S_ISREG(status.st_mode):
            require_measured(name, status, before)
            require_size(name, size, len(data))
        contents.append((name, data, (status.st_mode, int(status[stat.ST_MTIME]))))
    return contents


def check_files(
    directory: bytes, parent: int, bases: list[bytes], measured: list[Identity]
) -> None:
    """Raise TreeChanged if a file of the open directory `parent` is not as it was measured."""
    for base, before in zip(bases, measured, strict=True):
        try:
            status = os.stat(base, dir_fd=parent, follow_symlinks=False)
        except OSError as error:
            raise unreadable(directory + base, error) from error
        if hash((status.st_size, status.st_mtime_ns, status.st_ctime_ns)) != before:  # its identity
            require_measured(directory + base, status, before)


def _continued(data: bytes, descriptor: int, size: int) -> bytes:
    """The data and what further reads add to them, up to one byte more than `size`."""
    while len(data) <= size and (more := os.read(descriptor, size + 1 - len(data))):
        data += more
    return data
