from typing import Any

import pytest
from sqlalchemy import DATE, NUMERIC, TEXT, TIMESTAMP, UUID, VARCHAR, BigInteger, Enum

from worker.doctor.database import diagnose_columns, diagnose_schema

RUNS: dict[str, Any] = {
    "id": BigInteger(),
    "job_id": BigInteger(),
    "status": TEXT(),
    "results_url": TEXT(),
    "results_uploaded_at": TIMESTAMP(timezone=True),
}


@pytest.mark.parametrize(
    ("current", "health"),
    [(None, "broken"), ("0001", "broken"), ("0002", "ok"), ("0009", "warning")],
)
def test_the_schema_is_the_newest_that_we_know(current: str | None, health: str) -> None:
    assert diagnose_schema(current, ["0002", "0001"]).health == health


@pytest.mark.parametrize(
    ("changes", "health", "says"),
    [
        ({}, "ok", "results_url"),
        ({"status": Enum("RUNNING", "DONE")}, "ok", "status"),
        ({"results_url": VARCHAR(500), "results_uploaded_at": TIMESTAMP()}, "ok", ""),
        ({"results_uploaded_at": TEXT()}, "ok", ""),  # SQLite's times
        ({"status": Enum("RUNNING")}, "broken", "status is an enum without the label DONE"),
        ({"id": UUID()}, "broken", "id is UUID, and should be an integer"),
        ({"job_id": NUMERIC()}, "broken", "job_id is NUMERIC, and should be an integer"),
        ({"results_uploaded_at": DATE()}, "broken", "is DATE, and should be a timestamp"),
        ({"results_url": VARCHAR(80)}, "warning", "results_url holds 80 characters"),
    ],
)
def test_the_orchestrators_columns_have_types_that_we_can_use(
    changes: dict[str, Any], health: str, says: str
) -> None:
    diagnosis = diagnose_columns("runs", RUNS | changes)
    assert diagnosis.health == health
    assert says in diagnosis.found


def test_every_column_that_is_missing_is_named() -> None:
    diagnosis = diagnose_columns("jobs", {"id": BigInteger(), "created": DATE()})
    assert diagnosis.found == "created_at is missing, and should be a timestamp"
    assert "jobs" in diagnosis.advice
    assert diagnose_columns("runs", {}).found.count("is missing") == 5
