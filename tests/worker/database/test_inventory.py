"""Landed results are counted by day and job."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Engine, text

from worker.database.engine import make_engine
from worker.database.inventory import SqlInventory
from worker.errors import DatabaseRefused
from worker.models.inventory import By, Landed

ROWS = """
INSERT INTO uploads (job_id, run_id, path, state, archive_size, landed_at, results_url) VALUES
    (12, 4, '/r', 'LANDED', 100, '2025-10-01 00:00:00.000000', 's3://b/4'),
    (12, 5, '/r', 'LANDED', 20, '2025-10-01 23:59:59.999999', 's3://b/5'),
    (12, 6, '/r', 'LANDED', NULL, '2025-10-02 12:00:00.000000', 's3://b/6'),
    (13, 7, '/r', 'LANDED', 9000000000000000, '2025-10-02 12:00:00.000000', 's3://b/7'),
    (13, 8, '/r', 'LANDED', 9000000000000000, '2025-10-02 12:00:00.000000', 's3://b/8'),
    (13, 9, '/r', 'LANDED', 1, '2025-09-30 23:59:59.999999', 's3://b/9'),
    (13, 10, '/r', 'LANDED', 1, '2025-11-01 00:00:00.000000', 's3://b/10'),
    (13, 11, '/r', 'FAILED', 1, '2025-10-02 12:00:00.000000', 's3://b/11'),
    (13, 12, '/r', 'LANDED', 1, '2025-10-02 12:00:00.000000', NULL),
    (NULL, NULL, '/r', 'FAILED', NULL, NULL, NULL)
"""
FIRST, SECOND = date(2025, 10, 1), date(2025, 10, 2)


def landed(engine: Engine, by: By | None = None) -> list[Landed]:
    since, until = datetime(2025, 10, 1, tzinfo=UTC), datetime(2025, 11, 1, tzinfo=UTC)
    return SqlInventory(engine).landed(since, until, by)


@pytest.fixture
def counted(engine: Engine) -> Engine:
    with engine.begin() as connection:
        connection.execute(text(ROWS))
    return engine


def test_what_landed_is_counted_per_day_and_job(counted: Engine) -> None:
    assert landed(counted) == [
        Landed(FIRST, 12, 2, 2, 120),
        Landed(SECOND, 12, 1, 1, 0),
        Landed(SECOND, 13, 2, 2, 18 * 10**15),
    ]
    assert landed(counted, By.DAY) == [
        Landed(FIRST, None, 2, 2, 120),
        Landed(SECOND, None, 3, 3, 18 * 10**15),
    ]
    assert landed(counted, By.JOB) == [
        Landed(None, 12, 3, 3, 120),
        Landed(None, 13, 2, 2, 18 * 10**15),
    ]


def test_nothing_landed_is_nothing(engine: Engine) -> None:
    assert landed(engine) == []


def test_a_database_without_the_table_is_told(tmp_path: object) -> None:
    with pytest.raises(DatabaseRefused, match="oneprefix db upgrade"):
        landed(make_engine(f"sqlite:///{tmp_path}/empty.db"))
