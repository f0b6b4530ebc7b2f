"""Chooses what of an opened directory is packed: itself, or the run directories that it holds."""

import os
from collections.abc import Generator
from fnmatch import fnmatchcase

from worker.errors import InvalidResultsDirectory, TreeChanged
from worker.packaging.tree.walk import Entry, Kind, listed, opened_directory, special, walk


class Selection:
    """Of an open directory; InvalidResultsDirectory if it neither is a run's nor holds any."""

    def __init__(self, directory: int, name: str, pattern: str) -> None:
        self._directory = directory
        self._name = name
        self._pattern = pattern
        self._held = None if fnmatchcase(name, pattern) else self._now_held()
        if self._held is not None and not self._held[0]:
            raise InvalidResultsDirectory(
                f"{name!r:.200} does not match {pattern!r} and holds no directory that does"
            )

    def entries(self) -> Generator[Entry]:
        """To pack."""
        if self._held is None:
            yield from walk(self._directory, os.fsencode(self._name))
            return
        runs, others = self._held
        for base in sorted(runs + others):
            if base in runs:
                with opened_directory(base, base, self._directory) as descriptor:
                    yield from walk(descriptor, base, base)
            else:
                yield special(base, base, self._directory)

    def require_unchanged(self) -> None:
        if self._held is not None and self._held != self._now_held():
            raise TreeChanged(f"run directories came or went in {self._name!r:.200} while packing")

    def _now_held(self) -> tuple[list[bytes], list[bytes]]:
        """The names of the run directories, and of links and the like that are called as if."""
        _, kinds = listed(self._directory, os.fsencode(self._name))
        matching = sorted(base for base in kinds if fnmatchcase(os.fsdecode(base), self._pattern))
        runs = [base for base in matching if kinds[base] is Kind.DIRECTORY]
        return runs, [base for base in matching if kinds[base] is not Kind.DIRECTORY]
