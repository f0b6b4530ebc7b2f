"""Chooses what of an opened directory is packed: itself, or the run directories that it holds."""

import os
from collections.abc import Generator
from fnmatch import fnmatchcase

from worker.errors import InvalidResultsDirectory, TreeChanged
from worker.packaging.tree import Entry, LeftOut, listed, opened_directory, reading, walk


def selected(directory: int, name: str, pattern: str) -> Generator[Entry]:
    """The entries to pack, or InvalidResultsDirectory."""
    top = os.fsencode(name)
    if fnmatchcase(name, pattern):
        yield from walk(directory, top)
        return
    held = _held(directory, top, pattern)
    with reading(top):
        runs = {entry.name for entry in held if entry.is_dir(follow_symlinks=False)}
        links = {entry.name for entry in held if entry.is_symlink()}
    if not runs:
        raise InvalidResultsDirectory(
            f"{name!r:.200} does not match {pattern!r} and holds no directory that does"
        )
    for entry in held:
        inner = os.fsencode(entry.name)
        if entry.name in links:
            yield LeftOut(inner, "link out of the tree")
        elif entry.name in runs:
            with opened_directory(inner, entry.name, directory) as descriptor:
                yield from walk(descriptor, inner)
    names = [entry.name for entry in held]
    if names != [entry.name for entry in _held(directory, top, pattern)]:
        raise TreeChanged(f"run directories came or went in {name!r:.200} while packing")


def _held(directory: int, top: bytes, pattern: str) -> list[os.DirEntry[str]]:
    return [entry for entry in listed(directory, top) if fnmatchcase(entry.name, pattern)]
