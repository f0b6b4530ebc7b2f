"""Progress bars, on a terminal only."""

from collections.abc import Iterable
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from cli.output import errors

T = TypeVar("T")


def counting() -> Progress:
    """Create a bar that counts items and disappears at the end."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    )


def collected(items: Iterable[T], doing: str, total: int) -> list[T]:
    """Return all items as a list, with a bar while they come; `doing` labels the bar."""
    with counting() as progress:
        return list(progress.track(items, total=total, description=doing))
