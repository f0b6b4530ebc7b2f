"""What the doctor finds, and what it looks for."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Health(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """It works, but not as well as it could."""
    BROKEN = "broken"


class Diagnosis(NamedTuple):
    health: Health
    found: str
    advice: str = ""
    """What to do about it."""


def ok(found: str) -> Diagnosis:
    return Diagnosis(Health.OK, found)


def warning(found: str, advice: str) -> Diagnosis:
    return Diagnosis(Health.WARNING, found, advice)


def broken(found: str, advice: str) -> Diagnosis:
    return Diagnosis(Health.BROKEN, found, advice)


class Check(NamedTuple):
    area: str
    name: str
    look: Callable[[], Diagnosis]
    """May raise, which is as good as broken."""
    remedy: str
    """The advice for when it raises."""
    is_gate: bool = False
    """Whether the area's later checks make no sense while this one is broken."""


@dataclass(frozen=True, slots=True)
class Finding:
    area: str
    name: str
    health: Health
    found: str
    advice: str


def judged_skew(seconds: float, *, refused_from: float = float("inf")) -> Diagnosis:
    """How far a clock is from ours; from `refused_from` on it is no use any more."""
    found = f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} ours"
    advice = "set the clocks by NTP"
    if abs(seconds) >= refused_from:
        return broken(found, advice)
    if abs(seconds) >= MOST_SKEW:
        return warning(found, advice)
    return ok("agrees with ours")


#: Seconds by which clocks may differ before anybody need care.
MOST_SKEW = 60
