"""Arguments and options that several commands take."""

import re
from datetime import datetime, timedelta
from typing import Annotated

import typer

from worker.errors import OneprefixError

#: Jobs that a shell shows to choose from.
COMPLETIONS = 50
#: Ids that one option takes.
MOST_NUMBERS = 100_000


def whole_number(text: str) -> int:
    """Parse an integer in plain digits."""
    # int() alone would take 1_2 and ١٢, and Typer 12.0
    if not (text.removeprefix("-").isdecimal() and text.isascii()):
        raise typer.BadParameter(f"{text!r} is not a whole number")
    return int(text)


class WholeNumbers(list[int]):
    """What one option takes. (Typer takes a plain list for an option that is repeated.)"""


def whole_numbers(text: str) -> WholeNumbers:
    """Parse ids and ranges of ids, as `4,5` or `1-40`; at most 100,000 of them."""
    found = WholeNumbers()
    for item in text.split(","):
        first, dash, last = item.strip().partition("-")
        begin = whole_number(first)
        numbers = range(begin, (whole_number(last) if dash else begin) + 1)
        if not numbers or len(found) + len(numbers) > MOST_NUMBERS:
            raise typer.BadParameter(f"{item!r} is no range of at most {MOST_NUMBERS:,} ids")
        found += numbers
    return found


_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def duration(text: str, units: str = "smhd", example: str = "90s, 30m, 1h or 7d") -> timedelta:
    """Parse a number with one of the units."""
    # six digits are more than anybody waits, and less than a timedelta can hold
    found = re.fullmatch(rf"([0-9]{{1,6}})([{units}])", text)
    if not found:
        raise typer.BadParameter(f"{text!r} is not a duration such as {example}")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def instant(text: str) -> datetime:
    """Parse a time in ISO 8601; without an offset from UTC it is this machine's own."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is not a time such as 2026-01-31T18:00+01:00") from None


def with_optional_run(words: list[str], *, least: int, most: int) -> tuple[int | None, list[str]]:
    """Split off the run's id, which may come first, and return it (or None) and the other words.

    BadParameter unless `least` to `most` other words are left.
    """
    run = None
    if words[0].isdecimal() and len(words) > least:
        run, words = whole_number(words[0]), words[1:]
    if not least <= len(words) <= most:
        raise typer.BadParameter(
            "too few arguments" if len(words) < least else "too many arguments"
        )
    return run, words


def known_jobs(incomplete: str) -> list[str]:
    """Complete a job's id, with the jobs created last; to nothing where nobody can tell."""
    from worker.bootstrap.services import Services
    from worker.settings import load_settings

    try:
        found = Services(load_settings()).jobs.latest(incomplete, limit=COMPLETIONS)
    except OneprefixError:
        return []
    return [str(job_id) for job_id in found]


JobId = Annotated[
    int, typer.Argument(help="The job's id.", parser=whole_number, autocompletion=known_jobs)
]
JobIds = Annotated[
    list[int] | None,
    typer.Argument(
        metavar="[JOB ...]",
        help="Only the jobs with these ids.",
        parser=whole_number,
        autocompletion=known_jobs,
    ),
]
RunId = Annotated[int, typer.Argument(help="The run's id.", parser=whole_number)]
OptionalRunId = Annotated[
    int | None, typer.Argument(help="Only the run with this id.", parser=whole_number)
]
OptionalJobId = Annotated[
    int | None,
    typer.Argument(
        help="Only uploads of the job with this id.",
        parser=whole_number,
        autocompletion=known_jobs,
    ),
]
Expires = Annotated[
    timedelta | None,
    typer.Option(
        "--expires",
        metavar="DURATION",
        help="How long URLs are valid, such as 30m or 7d; 1h by default.",
        parser=duration,
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what would be done, and change nothing.")
]
Yes = Annotated[
    bool, typer.Option("--yes", "--apply", help="Do it without asking; --dry-run goes before.")
]
MovedTo = Annotated[
    str | None,
    typer.Option("--bucket", help="Bucket that `archive --to-bucket` has moved the job to."),
]
