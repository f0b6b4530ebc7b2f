"""Arguments that several commands take."""

from datetime import timedelta
from typing import Annotated

import typer


def whole_number(text: str) -> int:
    # int() alone would take 1_2 and ١٢, and Typer 12.0
    if not (text.removeprefix("-").isdecimal() and text.isascii()):
        raise typer.BadParameter(f"{text!r} is not a whole number")
    return int(text)


_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(text: str) -> timedelta:
    number, unit = text[:-1], _UNITS.get(text[-1:])
    # six digits are more than anybody waits, and fewer than a timedelta holds
    if unit is None or not (number.isdecimal() and number.isascii() and len(number) < 7):
        raise typer.BadParameter(f"{text!r} is no time such as 90s, 30m, 1h or 7d")
    return timedelta(**{unit: int(number)})


def with_optional_run(words: list[str], *, least: int, most: int) -> tuple[int | None, list[str]]:
    """The words, of which there are so many, behind the run's id that may come first, or None."""
    run = None
    if words[0].isdecimal() and len(words) > least:
        run, words = whole_number(words[0]), words[1:]
    if not least <= len(words) <= most:
        raise typer.BadParameter("too few words" if len(words) < least else "too many words")
    return run, words


JobId = Annotated[int, typer.Argument(help="The job's id.", parser=whole_number)]
JobIds = Annotated[
    list[int] | None, typer.Argument(metavar="[JOB ...]", help="Only these.", parser=whole_number)
]
RunId = Annotated[int, typer.Argument(help="The run's id.", parser=whole_number)]
OptionalRunId = Annotated[
    int | None, typer.Argument(help="Only this run's upload.", parser=whole_number)
]
OptionalJobId = Annotated[
    int | None, typer.Argument(help="Only this job's uploads.", parser=whole_number)
]
Expires = Annotated[
    timedelta | None,
    typer.Option(
        "--expires", metavar="TIME", help="Such as 30m or 7d; 1h if not given.", parser=duration
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
MovedTo = Annotated[
    str | None,
    typer.Option("--bucket", help="Where `archive --to-bucket` has moved them."),
]
