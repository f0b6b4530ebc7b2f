import pytest

from worker.doctor.doctor import Doctor
from worker.doctor.finding import Check, Diagnosis, Finding, Health, broken, diagnose_skew, ok
from worker.errors import StorageRefused


def raising(error: Exception) -> Diagnosis:
    raise error


def test_a_check_that_crashes_is_one_broken_finding_without_secrets() -> None:
    checks = [
        Check("a", "crash", lambda: raising(ZeroDivisionError("on\nredis://ada:pw@h/0")), "mend"),
        Check("a", "refused", lambda: raising(StorageRefused("no")), "allow it"),
        Check("a", "fine", lambda: ok("there"), ""),
    ]
    assert list(Doctor(checks)()) == [
        Finding("a", "crash", Health.BROKEN, "ZeroDivisionError: on redis://***@h/0", "mend"),
        Finding("a", "refused", Health.BROKEN, "no", "allow it"),
        Finding("a", "fine", Health.OK, "there", ""),
    ]


def test_behind_a_broken_gate_nothing_of_its_area_is_looked_at() -> None:
    checks = [
        Check("a", "gate", lambda: broken("away", "start it"), "", is_gate=True),
        Check("a", "behind", lambda: ok("never"), ""),
        Check("b", "gate", lambda: ok("there"), "", is_gate=True),
        Check("b", "behind", lambda: ok("there"), ""),
    ]
    assert [(each.area, each.name) for each in Doctor(checks)()] == [
        ("a", "gate"),
        ("b", "gate"),
        ("b", "behind"),
    ]


@pytest.mark.parametrize(
    ("seconds", "health"),
    [(0, "ok"), (-59, "ok"), (60, "warning"), (-300, "warning"), (900, "broken")],
)
def test_clocks_may_differ_a_little(seconds: float, health: str) -> None:
    assert diagnose_skew(seconds, refused_from=900).health == health
    assert diagnose_skew(seconds).health != "broken"
