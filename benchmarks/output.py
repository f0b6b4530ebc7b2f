"""Where the benchmarks speak: a line for a person, or JSON for the process that started them."""

import json
import sys
from typing import Any


def say(line: object) -> None:
    """One line, at once."""
    print(line, flush=True)  # noqa: T201  it is the command's output


def give(result: dict[str, Any]) -> None:
    """The one line of JSON that `benchmarks.measure` reads from a child."""
    say(json.dumps(result))


def remark(line: str) -> None:
    """Something on the way, apart from the result."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201  it is the command's output
