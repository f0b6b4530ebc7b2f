"""Output of commands: tables for people, JSON for programs, one line for an error."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console, ConsoleDimensions, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.segment import Segment
from rich.text import Text

from worker.errors import OneprefixError
from worker.models.history import past_attempts
from worker.models.upload import Upload
from worker.models.validation import stored_json
from worker.printable import printable, unambiguous

#: The exit code of a command that Ctrl-C has ended, as shells have it: 128 and the signal's number.
INTERRUPTED = 130
#: Characters of a line that no terminal shows.
PIPE_WIDTH = 100_000


class PrintableConsole(Console):
    """Where everything is printed: no text of a stranger reaches the terminal as a command.

    A string, such as a table's cell, is one line; `print_lines` prints a text that has several.
    """

    def __init__(self, *, stderr: bool = False, quiet: bool = False) -> None:
        # no emoji: `/results/:boom:` is a path
        super().__init__(stderr=stderr, quiet=quiet, highlight=False, emoji=False)

    @property  # type: ignore[misc]  # nobody sets it
    def size(self) -> ConsoleDimensions:
        """The terminal's; a pipe or a file has all the room that a line needs."""
        own = super().size
        return own if self.is_terminal else ConsoleDimensions(PIPE_WIDTH, own.height)

    def render_str(self, text: str, **options: Any) -> Text:
        # before the layout, which counts on what is shown
        return super().render_str(unambiguous(text), **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Escape whatever no string of ours has brought here; control segments are rich's own."""
        for text, style, control in super().render(renderable, options):
            shown = text if control else printable(text, keep="\n")
            yield Segment(shown, style, control)


console = PrintableConsole()
errors = PrintableConsole(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


def print_json(value: Any) -> None:
    """Print one JSON document on one line; times in ISO 8601, other values as text."""
    document = json.dumps(value, default=_plain).replace("\x7f", "\\u007f")  # JSON may keep DEL
    print(document, flush=True)  # noqa: T201  it is the command's output


@contextmanager
def reported(as_json: bool) -> Iterator[None]:
    """Exit with code 1, after one line on standard error, for a OneprefixError in the block."""
    try:
        yield
    except OneprefixError as error:
        if as_json:
            print_json({"error": str(error), "kind": type(error).__name__})
        print_error(str(error))
        raise typer.Exit(1) from error


def print_error(line: str) -> None:
    """Print one line on standard error."""
    errors.print(f"[red]oneprefix:[/] {escape(line)}", soft_wrap=True)


def print_line(line: str, on: Console = console) -> None:
    """Print one line as it is: neither wrapped nor searched for markup."""
    on.print(line, markup=False, soft_wrap=True)


def print_lines(text: str, on: Console = console) -> None:
    """Print a text that may have several lines, as tracebacks have; all else as `print_line`."""
    on.print(Text(printable(text, keep="\n\t")), soft_wrap=True)


def as_row(upload: Upload) -> dict[str, Any]:
    """Return the upload's row for JSON, with `left_out` and `history` as lists."""
    row = asdict(upload)
    names = stored_json(row["left_out"]) or []
    return row | {
        "left_out": names if isinstance(names, list) else [str(names)],
        "history": [asdict(each) for each in past_attempts(upload.history)],
    }


def as_it_stands(upload: Upload | None) -> str:
    """Say why there is nothing to do with an upload."""
    return "nobody has asked for its upload" if upload is None else f"it is {upload.state}"


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)
