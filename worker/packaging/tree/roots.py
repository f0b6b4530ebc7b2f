"""Opens a results directory beneath one of the configured roots, and nothing else."""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from worker.errors import (
    InvalidResultsDirectory,
    PathRefused,
    ResultsDirectoryMissing,
    ResultsRootMissing,
    TreeChanged,
)

OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def opened_beneath(roots: Sequence[Path], path: str) -> Iterator[int]:
    """A descriptor of the directory `path`, reached from its root without following any link.

    Only the root itself, which the administrator names, may be a link. Every step below it is
    taken from the descriptor of the step before, so that swapping a directory for a link between
    check and use leads nowhere. Raises PathRefused for a path outside the roots or through a link,
    ResultsRootMissing, ResultsDirectoryMissing, InvalidResultsDirectory if it is no directory.
    """
    # pathlib would take exactly two slashes at the start for another root
    absolute = "/" + path.lstrip("/") if path.startswith("/") else path
    root, steps = _beneath(roots, PurePosixPath(absolute))
    descriptor = _open_root(root)
    try:
        for step in steps:
            following = _step(descriptor, step, path)
            os.close(descriptor)
            descriptor = following
        yield descriptor
    finally:
        os.close(descriptor)


def _beneath(roots: Sequence[Path], path: PurePosixPath) -> tuple[Path, tuple[str, ...]]:
    """The innermost root that contains the path, and the steps from there."""
    if ".." in path.parts:
        raise PathRefused(f"path holds '..': {str(path)!r:.200}")
    containing = [root for root in roots if path.is_relative_to(root)]
    if not containing:
        raise PathRefused(
            f"{str(path)!r:.200} lies outside the results roots "
            f"({':'.join(map(str, roots)) or 'none are set'}), see ONEPREFIX_RESULTS_ROOTS"
        )
    root = max(containing, key=lambda each: len(each.parts))
    return root, path.relative_to(root).parts


def _open_root(root: Path) -> int:
    try:
        return os.open(root, OPEN_DIRECTORY & ~os.O_NOFOLLOW)
    except OSError as error:
        raise ResultsRootMissing(
            f"the results root {root} can't be opened on this worker: {error.strerror}"
        ) from error


def _step(parent: int, name: str, path: str) -> int:
    try:
        return os.open(name, OPEN_DIRECTORY, dir_fd=parent)
    except FileNotFoundError as error:
        raise ResultsDirectoryMissing(f"there is no directory {path!r:.200}") from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise PathRefused(f"{path!r:.200} has a name too long for its file system") from error
        raise _refusal(parent, name, path, error) from error


def _refusal(
    parent: int, name: str, path: str, error: OSError
) -> PathRefused | InvalidResultsDirectory | TreeChanged:
    """The error for a step that can't be opened, by what is there."""
    try:
        mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
    except OSError:
        mode = stat.S_IFDIR
    if stat.S_ISLNK(mode):
        return PathRefused(f"{path!r:.200} leads through the symbolic link {name!r:.100}")
    if not stat.S_ISDIR(mode):
        return InvalidResultsDirectory(f"{path!r:.200} is not a directory")
    return TreeChanged(f"{path!r:.200} can't be opened: {error.strerror}")
