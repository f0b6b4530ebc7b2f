"""Reads regular files so that what was read is what stood there, or says that it is not."""

import os
import stat

from worker.errors import TreeChanged

# O_NONBLOCK: a FIFO swapped in for the file must not hang the worker
OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def shown(name: bytes) -> str:
    """The name for a person: valid Unicode on one line."""
    return repr(name.decode(errors="backslashreplace"))[1:-1]


def unreadable(name: bytes, error: OSError) -> TreeChanged:
    return TreeChanged(f"{shown(name)} can't be read: {error.strerror}")


def open_measured(name: bytes, base: bytes, parent: int, size: int) -> tuple[int, os.stat_result]:
    """The descriptor and status of the regular file that was measured to have `size` bytes."""
    descriptor = os.open(base, OPEN_FILE, dir_fd=parent)
    try:
        status = os.fstat(descriptor)
        if status.st_size != size or not stat.S_ISREG(status.st_mode):
            _require_regular(name, status)
            require_size(name, size, status.st_size)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, status


def read_file(name: bytes, base: bytes, parent: int, size: int) -> tuple[bytes, os.stat_result]:
    """All of the file that was measured to have `size` bytes, and its status.

    TreeChanged if it can't be read, has another size, or changed meanwhile.
    """
    try:
        descriptor, status = open_measured(name, base, parent, size)
        try:
            data = os.read(descriptor, size + 1)
            if len(data) != size:
                data = _continued(data, descriptor, size)
                require_size(name, size, len(data))
            after = os.fstat(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise unreadable(name, error) from error
    if identity(after) != identity(status):
        raise _changed(name)
    return data, status


def _continued(data: bytes, descriptor: int, size: int) -> bytes:
    """What a read began that gave fewer bytes than are left, up to one more than `size`."""
    while len(data) <= size and (more := os.read(descriptor, size + 1 - len(data))):
        data += more
    return data


def _require_regular(name: bytes, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise TreeChanged(f"{shown(name)} is no regular file any more")


def require_size(name: bytes, measured: int, found: int) -> None:
    if found != measured:
        raise TreeChanged(f"{shown(name)} changed its size while it was being packed")


#: Size, modification and change time: what differs once something was written.
Identity = tuple[int, int, int]


def identity(status: os.stat_result) -> Identity:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def require_unchanged(name: bytes, before: Identity, descriptor: int) -> None:
    try:
        after = identity(os.fstat(descriptor))
    except OSError as error:
        raise unreadable(name, error) from error
    if after != before:
        raise _changed(name)


def _changed(name: bytes) -> TreeChanged:
    return TreeChanged(f"{shown(name)} changed while it was being packed")
