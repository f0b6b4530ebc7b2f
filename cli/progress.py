"""Progress bars, on a terminal only."""

from collections.abc import Iterable
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn

from cli.output import PrintableConsole, console, errors

T = TypeVar("T")


def progress_bar(*columns: ProgressColumn) -> Progress:
    """Create a bar on standard error that disappears at the end.

    Lines that are printed meanwhile go to `above_bar()`, or to standard error.
    """
    return Progress(
        *columns,
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
        redirect_stdout=False,  # a pipe is to have the lines, whatever standard error is
        redirect_stderr=False,
    )


def above_bar() -> PrintableConsole:
    """Return standard output; on one terminal with the bar, the console that moves it down."""
    return errors if console.is_terminal and errors.is_terminal else console


def counting() -> Progress:
    """Create a bar that counts items."""
    return progress_bar(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())


def collected(items: Iterable[T], doing: str, total: int) -> list[T]:
    """Return all items as a list, with a bar while they come; `doing` labels the bar."""
    with counting() as progress:
        return list(progress.track(items, total=total, description=doing))
