"""The repositories, fake and real, behind one face."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from tests.fakes.uploads import (
    FakeCancellations,
    FakeDatabase,
    FakeMultipartIds,
    FakeOutbox,
    FakeRequests,
    FakeRuns,
    FakeUploads,
)
from tests.servers.postgres import PostgresServer
from tests.worker.database.landed import land
from worker.database.engine import make_engine
from worker.database.jobs import SqlRunRepository, add_job
from worker.database.schema import upgrade_schema
from worker.database.uploads.attempts import SqlUploadRepository
from worker.database.uploads.cancellations import SqlCancellations
from worker.database.uploads.multipart_ids import SqlMultipartIds
from worker.database.uploads.outbox import SqlOutbox
from worker.database.uploads.requests import SqlRequestRepository
from worker.database.uploads.upload_list import SqlUploadList
from worker.models.job import Job, Run
from worker.models.upload import Upload
from worker.use_cases.ports import RunRepository
from worker.use_cases.recovery.ports import LeaseRepository, MultipartIds, Outbox
from worker.use_cases.requests.cancel import Cancellations
from worker.use_cases.requests.ports import RequestRepository
from worker.use_cases.upload.ports import UploadRepository

CREATED_AT = datetime(2025, 10, 23, 21, 15, tzinfo=UTC)


@dataclass(frozen=True)
class Store:
    """One implementation of the repositories, with job 12 and its runs 4 and 5."""

    requests: RequestRepository
    uploads: UploadRepository
    leases: LeaseRepository[Upload]
    multipart_ids: MultipartIds
    cancellations: Cancellations
    runs: RunRepository
    find: Callable[[int, int], Upload | None]
    drop_run: Callable[[int], object]
    outbox: Callable[[float, float], Outbox]
    """By its `grace` and its `republish`, in seconds."""

    def row(self, job_id: int = 12, run_id: int = 4) -> Upload:
        found = self.find(job_id, run_id)
        assert found
        return found


def fake_store() -> Store:
    database = FakeDatabase()
    database.jobs[12] = Job(12, CREATED_AT)
    database.runs |= {4: Run(4, 12), 5: Run(5, 12)}
    uploads = FakeUploads(database)
    return Store(
        FakeRequests(database),
        uploads,
        uploads,
        FakeMultipartIds(database),
        FakeCancellations(database),
        FakeRuns(database),
        lambda job_id, run_id: database.rows.get((job_id, run_id)),
        database.runs.pop,
        partial(FakeOutbox, database),
    )


def sql_store(engine: Engine) -> Store:
    upgrade_schema(engine)
    add_job(engine, 12, CREATED_AT, [4, 5])

    def drop_run(run_id: int) -> None:
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM runs WHERE id = :id"), {"id": run_id})

    uploads = SqlUploadRepository(engine)
    return Store(
        SqlRequestRepository(engine),
        uploads,
        uploads,
        SqlMultipartIds(engine),
        SqlCancellations(engine),
        SqlRunRepository(engine),
        SqlUploadList(engine).find,
        drop_run,
        partial(SqlOutbox, engine),
    )


@pytest.fixture(params=["fake", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "fake":
        yield fake_store()
        return
    url = f"sqlite:///{tmp_path / 'test.db'}"
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.new_database()
    engine = make_engine(url)
    yield sql_store(engine)
    engine.dispose()


@pytest.fixture
def landed(engine: Engine) -> Upload:
    """The upload of run 4 of job 12; run 5 has none."""
    add_job(engine, 12, CREATED_AT, [4, 5])
    return land(engine, 4)
