"""Chooses what of an opened directory is packed: itself, or the run directories that it holds."""

import os
from collections.abc import Generator
from fnmatch import fnmatchcase

from worker.errors import InvalidResultsDirectory, TreeChanged
from worker.packaging.tree import Entry, Kind, listed, opened_directory, special, walk


def selected(directory: int, name: str, pattern: str) -> Generator[Entry]:
    """The entries to pack, or InvalidResultsDirectory."""
    top = os.fsencode(name)
    if fnmatchcase(name, pattern):
        yield from walk(directory, top)
        return
    runs, others = _held(directory, top, pattern)
    if not runs:
        raise InvalidResultsDirectory(
            f"{name!r:.200} does not match {pattern!r} and holds no directory that does"
        )
    for base in sorted(runs + others):
        if base in runs:
            with opened_directory(base, base, directory) as descriptor:
                yield from walk(descriptor, base)
        else:
            yield special(base, base, directory)
    if (runs, others) != _held(directory, top, pattern):
        raise TreeChanged(f"run directories came or went in {name!r:.200} while packing")


def _held(directory: int, top: bytes, pattern: str) -> tuple[list[bytes], list[bytes]]:
    """The names of the run directories, and of links and the like that are called as if."""
    _, kinds = listed(directory, top)
    matching = sorted(base for base in kinds if fnmatchcase(os.fsdecode(base), pattern))
    runs = [base for base in matching if kinds[base] is Kind.DIRECTORY]
    return runs, [base for base in matching if kinds[base] is not Kind.DIRECTORY]
