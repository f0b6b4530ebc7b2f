"""The doctor's checks, diagnoses and findings."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

#: Seconds by which a clock may differ from ours before the doctor warns.
MAX_CLOCK_SKEW_WARNING = 60


class Health(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """Works, but not as well as it could."""
    BROKEN = "broken"


class Diagnosis(NamedTuple):
    health: Health
    found: str
    advice: str = ""
    """What to do about the problem."""


def ok(found: str) -> Diagnosis:
    return Diagnosis(Health.OK, found)


def warning(found: str, advice: str) -> Diagnosis:
    return Diagnosis(Health.WARNING, found, advice)


def broken(found: str, advice: str) -> Diagnosis:
    return Diagnosis(Health.BROKEN, found, advice)


class Check(NamedTuple):
    area: str
    """The surrounding that is looked at: settings, database, broker, S3, results or packing."""
    name: str
    look: Callable[[], Diagnosis]
    """May raise any exception, which then is the diagnosis: broken."""
    remedy: str
    """Advice for the case that `look` raises."""
    is_gate: bool = False
    """Whether the area's later checks make no sense while this one is broken."""


@dataclass(frozen=True, slots=True)
class Finding:
    area: str
    name: str
    health: Health
    found: str
    advice: str


def diagnose_skew(seconds: float, *, refused_from: float = float("inf")) -> Diagnosis:
    """Judge a clock that is `seconds` ahead of ours; broken from `refused_from` seconds on."""
    found = f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} ours"
    advice = "set the clocks by NTP"
    if abs(seconds) >= refused_from:
        return broken(found, advice)
    if abs(seconds) >= MAX_CLOCK_SKEW_WARNING:
        return warning(found, advice)
    return ok("agrees with ours")
