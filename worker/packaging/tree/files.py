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


#: Mode, as in `st_mode`, and modification time in whole seconds.
Stamp = tuple[int, int]
#: Differs once a file or directory was written to.
Identity = int


def stamp(status: os.stat_result) -> Stamp:
    return status.st_mode & 0xFFFF, int(status[stat.ST_MTIME])


def identity(status: os.stat_result) -> Identity:
    """In 64 bits, the same in every process."""
    return hash((status.st_size, status.st_mtime_ns, status.st_ctime_ns))


def open_measured(name: bytes, base: bytes, parent: int, measured: Identity) -> tuple[int, Stamp]:
    """The descriptor and stamp of the regular file, TreeChanged if it is not as it was measured."""
    descriptor = os.open(base, OPEN_FILE, dir_fd=parent)
    try:
        status = os.fstat(descriptor)
        _require_measured(name, status, measured)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, stamp(status)


#: A file's name, what it holds, and its stamp.
Content = tuple[bytes, bytes, Stamp]


def read_files(
    directory: bytes, parent: int, bases: list[bytes], sizes: list[int], measured: list[Identity]
) -> list[Content]:
    """All of these regular files of the directory that `parent` holds open.

    TreeChanged if one can't be read, or after that is not as it was measured. Calls few functions,
    since there may be a million files.
    """
    contents: list[Content] = []
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
            _require_measured(name, status, before)
            require_size(name, size, len(data))
        contents.append((name, data, (status.st_mode, int(status[stat.ST_MTIME]))))
    return contents


def _continued(data: bytes, descriptor: int, size: int) -> bytes:
    """What a read began that gave fewer bytes than are left, up to one more than `size`."""
    while len(data) <= size and (more := os.read(descriptor, size + 1 - len(data))):
        data += more
    return data


def _require_measured(name: bytes, status: os.stat_result, measured: Identity) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise TreeChanged(f"{shown(name)} is no regular file any more")
    if identity(status) != measured:
        raise _changed(name)


def require_size(name: bytes, measured: int, found: int) -> None:
    if found != measured:
        raise TreeChanged(f"{shown(name)} changed its size while it was being packed")


def require_unchanged(name: bytes, before: Identity, descriptor: int) -> None:
    try:
        after = identity(os.fstat(descriptor))
    except OSError as error:
        raise unreadable(name, error) from error
    if after != before:
        raise _changed(name)


def _changed(name: bytes) -> TreeChanged:
    return TreeChanged(f"{shown(name)} changed while it was being packed")
