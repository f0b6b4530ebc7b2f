"""Tells on a terminal how far a command is with many things."""

from collections.abc import Iterable
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from cli.output import errors

T = TypeVar("T")


def counting() -> Progress:
    """A bar for each task, gone at the end; nothing where nobody looks."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    )


def collected(items: Iterable[T], doing: str, total: int) -> list[T]:
    """All of them, with a bar while they come."""
    with counting() as progress:
        return list(progress.track(items, total=total, description=doing))
