"""Progress bars, on a terminal only."""

from collections.abc import Iterable
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn

from cli.output import errors

T = TypeVar("T")


def progress_bar(*columns: ProgressColumn) -> Progress:
    """Create a bar on standard error that disappears at the end."""
    return Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal)


def counting() -> Progress:
    """Create a bar that counts items."""
    return progress_bar(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())


def collected(items: Iterable[T], doing: str, total: int) -> list[T]:
    """Return all items as a list, with a bar while they come; `doing` labels the bar."""
    with counting() as progress:
        return list(progress.track(items, total=total, description=doing))
