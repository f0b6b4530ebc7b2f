"""The doctor's judgements, without anything to look at."""

from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from isal import isal_zlib
from sqlalchemy import DATE, NUMERIC, TEXT, TIMESTAMP, UUID, VARCHAR, BigInteger, Enum

from worker.doctor import machine
from worker.doctor.broker import broker_checks, eviction, persistence, version
from worker.doctor.credentials import diagnose_credentials
from worker.doctor.database import diagnose_columns, diagnose_schema
from worker.doctor.doctor import Doctor
from worker.doctor.finding import Check, Diagnosis, Finding, Health, broken, diagnose_skew, ok
from worker.doctor.machine import fast_isal, machine_checks, readable_root
from worker.doctor.settings import settings_checks
from worker.errors import StorageRefused
from worker.settings import Settings

RUNS: dict[str, Any] = {
    "id": BigInteger(),
    "job_id": BigInteger(),
    "status": TEXT(),
    "results_url": TEXT(),
    "results_uploaded_at": TIMESTAMP(timezone=True),
}


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


def test_settings_that_a_worker_needs_are_broken_without_them() -> None:
    def healths(settings: Settings, *, has_embedded_broker: bool = True) -> dict[str, Health]:
        checks = settings_checks(settings, has_embedded_broker=has_embedded_broker)
        return {each.name: each.health for each in Doctor(checks)()}

    assert healths(Settings()) == {
        "bucket": Health.BROKEN,
        "results roots": Health.BROKEN,
        "database": Health.WARNING,
        "broker": Health.WARNING,
    }
    assert healths(Settings(), has_embedded_broker=False)["broker"] is Health.BROKEN
    full = Settings.model_validate(
        {
            "s3_bucket": "b",
            "results_roots": "/results",
            "database_url": "postgresql://ada:hunter2@h/db",
            "broker_url": "redis://:hunter2@h/0",
        }
    )
    assert set(healths(full, has_embedded_broker=False).values()) == {Health.OK}
    checks = settings_checks(full, has_embedded_broker=False)
    found = [each.found for each in Doctor(checks)()]
    assert "hunter2" not in str(found)


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


def test_the_broker_is_judged_by_what_it_says_of_itself() -> None:
    assert version({"server_name": "valkey", "valkey_version": "9.1.0"}) == ok("valkey 9.1.0")
    assert version({"redis_version": "7.2"}) == ok("redis 7.2")
    assert version({"redis_version": "5.0.14"}).health is Health.WARNING
    assert version({}).found == "redis ?"
    assert persistence({"aof_enabled": 1}).health is Health.OK
    assert persistence({"aof_enabled": 0}).health is Health.WARNING
    assert eviction({"maxmemory_policy": "noeviction"}).health is Health.OK
    assert "allkeys-lru" in eviction({"maxmemory_policy": "allkeys-lru"}).found


@pytest.mark.parametrize(
    ("url", "health", "says"),
    [
        (None, "warning", "none is set"),
        ("sqs://", "warning", "sqs is none that we know"),
        ("redis://:hunter2@127.0.0.1:1/0", "broken", "ConnectionError"),
        ("amqp://ada:hunter2@127.0.0.1:1//", "broken", "ConnectionRefusedError"),
    ],
)
def test_a_broker_that_is_not_there_is_told(url: str | None, health: str, says: str) -> None:
    [finding] = Doctor(broker_checks(url))()
    assert finding.health == health
    assert says in finding.found
    assert finding.advice
    assert "hunter2" not in str(finding)


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


def test_roots_are_readable_or_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    assert readable_root(tmp_path) == ok("readable")
    assert readable_root(tmp_path / "empty") == ok("empty")
    roots = (tmp_path / "missing", tmp_path / "file")
    missing, file, _ = Doctor(machine_checks(roots))()
    assert (missing.health, file.health) == (Health.BROKEN, Health.BROKEN)
    assert "FileNotFoundError" in missing.found
    assert "NotADirectoryError" in file.found


def test_a_mount_that_hangs_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mended = Event()
    monkeypatch.setattr(machine, "PATIENCE", 1)
    monkeypatch.setattr(machine, "_is_empty", lambda _root: mended.wait())
    hanging, _ = Doctor(machine_checks((tmp_path,)))()
    mended.set()
    assert hanging.health is Health.BROKEN
    assert "no answer within 1 s: does its mount hang?" in hanging.found


def test_isal_without_its_fast_call_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fast_isal().health is Health.OK
    monkeypatch.delattr(isal_zlib, "_ParallelCompress")
    assert fast_isal().health is Health.WARNING
