"""Chooses what of a results directory is packed: itself, or the run directories that it holds."""

import os
from collections.abc import Generator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from worker.errors import InvalidResultsDirectory, TreeChanged, Unfinished
from worker.packaging.tree.entries import Entry
from worker.packaging.tree.walk import Kind, listed, opened_directory, special, walk

#: Seconds between two looks for the file that marks a run's directory as complete.
MARKER_EVERY = 10.0
#: Names of run directories, and names of links and the like that match the pattern too; sorted.
Matching = tuple[list[bytes], list[bytes]]


@dataclass(frozen=True, slots=True)
class Selection:
    """The part of an open directory that is packed."""

    directory: int
    """A descriptor."""
    name: str
    pattern: str
    matching: Matching | None
    """None if the directory is a run's own."""

    def entries(self) -> Generator[Entry]:
        """Walk through all that is selected; for the errors see `walk`."""
        if self.matching is None:
            yield from walk(self.directory, os.fsencode(self.name))
            return
        runs, others = self.matching
        for base in sorted(runs + others):
            if base in runs:
                with opened_directory(base, base, self.directory) as descriptor:
                    yield from walk(descriptor, base, base)
            else:
                yield special(base, base, self.directory)

    def require_marker(self, name: str) -> None:
        """Raise Unfinished unless each run's directory holds an entry of that name."""
        runs = [b"."] if self.matching is None else self.matching[0]
        for run in runs:
            try:
                os.stat(
                    run + b"/" + os.fsencode(name), dir_fd=self.directory, follow_symlinks=False
                )
            except OSError:
                where = self.name if run == b"." else os.fsdecode(run)
                raise Unfinished(
                    f"waits for the file {name!r} in {where!r:.200}", retry_in=MARKER_EVERY
                ) from None

    def require_unchanged(self) -> None:
        """Raise TreeChanged if a run directory came or went since the selection was made."""
        if self.matching is None:
            return
        if self.matching != _matching(self.directory, self.name, self.pattern):
            raise TreeChanged(f"run directories came or went in {self.name!r:.200} while packing")


def select(directory: int, name: str, pattern: str) -> Selection:
    """Select from the open directory of that name by a shell pattern of run directories' names.

    Raises InvalidResultsDirectory if neither its own name nor a directory in it matches.
    """
    if fnmatchcase(name, pattern):
        return Selection(directory, name, pattern, matching=None)
    matching = _matching(directory, name, pattern)
    if not matching[0]:
        raise InvalidResultsDirectory(
            f"{name!r:.200} does not match {pattern!r} and holds no directory that does"
        )
    return Selection(directory, name, pattern, matching)


def _matching(directory: int, name: str, pattern: str) -> Matching:
    _, kinds = listed(directory, os.fsencode(name))
    matching = sorted(base for base in kinds if fnmatchcase(os.fsdecode(base), pattern))
    runs = [base for base in matching if kinds[base] is Kind.DIRECTORY]
    return runs, [base for base in matching if kinds[base] is not Kind.DIRECTORY]
