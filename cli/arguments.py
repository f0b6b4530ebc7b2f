"""Arguments that several commands take."""

from typing import Annotated

import typer


def _whole_number(text: str) -> int:
    # int() alone would take 1_2 and ١٢, and Typer 12.0
    if not (text.removeprefix("-").isdecimal() and text.isascii()):
        raise typer.BadParameter(f"{text!r} is not a whole number")
    return int(text)


JobId = Annotated[int, typer.Argument(help="The job's id.", parser=_whole_number)]
JobIds = Annotated[
    list[int] | None, typer.Argument(metavar="[JOB ...]", help="Only these.", parser=_whole_number)
]
RunId = Annotated[int, typer.Argument(help="The run's id.", parser=_whole_number)]
OptionalRunId = Annotated[
    int | None, typer.Argument(help="Only this run's upload.", parser=_whole_number)
]
OptionalJobId = Annotated[
    int | None, typer.Argument(help="Only this job's uploads.", parser=_whole_number)
]
