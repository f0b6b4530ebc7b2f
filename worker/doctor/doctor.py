"""Runs the checks of all surroundings, and reports what is wrong and what to do about it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from worker.doctor.finding import Check, Diagnosis, Finding, Health, broken
from worker.errors import OneprefixError
from worker.redaction import redacted


@dataclass(frozen=True, slots=True)
class Doctor:
    checks: Sequence[Check]

    def __call__(self) -> Iterator[Finding]:
        """Yield one finding per check, skipping the checks behind a broken gate of their area."""
        closed: set[str] = set()
        for check in self.checks:
            if check.area in closed:
                continue
            health, found, advice = _diagnosis(check)
            if check.is_gate and health is Health.BROKEN:
                closed.add(check.area)
            line = " ".join(redacted(found).split())
            yield Finding(check.area, check.name, health, line, advice)


def _diagnosis(check: Check) -> Diagnosis:
    try:
        return check.look()
    except OneprefixError as error:
        return broken(str(error), check.remedy)
    except Exception as error:  # noqa: BLE001  whatever was raised is the finding
        return broken(f"{type(error).__name__}: {error}", check.remedy)
