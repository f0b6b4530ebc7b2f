"""Chooses what of an opened directory is packed: itself, or the run directories that it holds."""

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase

from worker.errors import InvalidResultsDirectory
from worker.packaging.results_roots import OPEN_DIRECTORY
from worker.packaging.tree import Entry, LeftOut, reading, walk


def selected(directory: int, name: str, pattern: str) -> Iterator[Entry]:
    """The entries to pack, or InvalidResultsDirectory."""
    if fnmatchcase(name, pattern):
        yield from walk(directory, os.fsencode(name))
        return
    held = _held(directory, name, pattern)
    if not any(entry.is_dir(follow_symlinks=False) for entry in held):
        raise InvalidResultsDirectory(
            f"{name!r:.200} does not match {pattern!r} and holds no directory that does"
        )
    for entry in held:
        yield from _chosen(directory, entry)


def _held(directory: int, name: str, pattern: str) -> list[os.DirEntry[str]]:
    with reading(os.fsencode(name)), os.scandir(directory) as listing:
        matching = [entry for entry in listing if fnmatchcase(entry.name, pattern)]
    return sorted(matching, key=lambda entry: os.fsencode(entry.name))


def _chosen(directory: int, entry: os.DirEntry[str]) -> Iterator[Entry]:
    name = os.fsencode(entry.name)
    if entry.is_symlink():
        yield LeftOut(name, "link out of the tree")
    elif entry.is_dir(follow_symlinks=False):
        with reading(name):
            descriptor = os.open(entry.name, OPEN_DIRECTORY, dir_fd=directory)
        try:
            yield from walk(descriptor, name)
        finally:
            os.close(descriptor)
