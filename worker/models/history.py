"""How the attempts of an upload ended that did not land it."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

#: Characters of a reason, and of a whole history: the newest are kept.
MAX_REASON: Final = 300
MAX_HISTORY: Final = 10_000


@dataclass(frozen=True, slots=True)
class PastAttempt:
    number: int
    begun_at: datetime
    ended_at: datetime
    reason: str


def past_attempts(history: str | None) -> Iterator[PastAttempt]:
    """Yield the attempts of a row's `history`, oldest first, but what is no line of it.

    A line is `{number} {begun_at} {ended_at} {reason}`: times in ISO 8601, the reason in JSON.
    """
    for line in (history or "").splitlines():
        with suppress(ValueError):
            number, begun_at, ended_at, reason = line.split(" ", 3)
            yield PastAttempt(
                int(number),
                datetime.fromisoformat(begun_at),
                datetime.fromisoformat(ended_at),
                str(json.loads(reason)),
            )


def told(reason: str) -> str:
    """Write a reason as a line of a history has it."""
    return json.dumps(reason[:MAX_REASON])
