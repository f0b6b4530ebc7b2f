from datetime import timedelta

import pytest

from worker.doctor.credentials import diagnose_credentials


@pytest.mark.parametrize(
    ("method", "minutes", "is_temporary", "health"),
    [
        ("env", None, False, "ok"),
        ("env", None, True, "warning"),
        ("env", 10, True, "warning"),
        ("env", 300, True, "ok"),
        ("iam-role", 10, True, "ok"),
    ],
)
def test_credentials_last_or_are_renewed(
    method: str, minutes: int | None, is_temporary: bool, health: str
) -> None:
    left = None if minutes is None else timedelta(minutes=minutes)
    assert diagnose_credentials(method, left, is_temporary=is_temporary).health == health
