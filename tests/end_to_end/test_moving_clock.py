import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine
from pydantic import SecretStr

from tests.servers.strict_bucket import Strict
from worker.bootstrap.services import Services
from worker.database.jobs import add_job
from worker.models.upload_request import UploadRequest
from worker.settings import Settings

#: Seconds apart each, in Berlin: before and after midnight, before and after the clock goes back.
MOMENTS = [
    datetime(2025, 10, 25, 21, 59, 58, tzinfo=UTC),
    datetime(2025, 10, 25, 22, 0, 1, tzinfo=UTC),
    datetime(2025, 10, 26, 0, 59, 58, tzinfo=UTC),
    datetime(2025, 10, 26, 1, 0, 1, tzinfo=UTC),
]
CREATED_AT = datetime(2025, 10, 25, 21, 59, 30, tzinfo=UTC)


@pytest.fixture
def _in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def services(
    strict: Strict, tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Services]:
    for name, value in strict.proxy.server.environment().items():
        monkeypatch.setenv(name, value)
    made = Services(
        Settings(
            database_url=SecretStr(database_url),
            s3_bucket=strict.bucket,
            results_roots=(tmp_path,),
        )
    )
    made.upgrade_schema()
    yield made
    made.engine.dispose()


@pytest.mark.usefixtures("_in_berlin")
def test_runs_land_under_one_prefix_over_midnight_and_over_the_end_of_summer_time(
    services: Services, strict: Strict, tmp_path: Path
) -> None:
    run_ids = range(1, len(MOMENTS) + 1)
    add_job(services.engine, 12, CREATED_AT, run_ids)
    for run_id, moment in zip(run_ids, MOMENTS, strict=True):
        directory = tmp_path / f"RUN{run_id}"
        directory.mkdir()
        (directory / "out.csv").write_text("1,2\n")
        os.utime(directory / "out.csv", (moment.timestamp(), moment.timestamp()))
        with time_machine.travel(moment, tick=True):
            assert services.upload_results(UploadRequest(12, run_id, str(directory)))
    local = [time.strftime("%d %H:%M:%S", time.localtime(at.timestamp())) for at in MOMENTS]
    assert local == ["25 23:59:58", "26 00:00:01", "26 02:59:58", "26 02:00:01"]
    assert sorted(strict.stored()) == [
        f"jobs/12/2025/10/25/215930/run_{run_id}_results.zip" for run_id in run_ids
    ]
