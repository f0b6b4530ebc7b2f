"""The repositories, fake and real, behind one face."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from oneprefix import rows as client_rows
from oneprefix.request import Request
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
from worker.models.upload_request import UploadRequest
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


class ClientRequests(SqlRequestRepository):
    """What producers ask by the client, which has statements of its own."""

    def request(self, request: UploadRequest, *, published: bool) -> Upload:
        if request.task_id is None or request.follow_up:
            return super().request(request, published=published)  # the client knows neither
        asked = Request(
            request.job_id,
            request.run_id,
            request.path,
            request.task_id,
            request.replace,
            request.not_before,
            request.expires,
        )
        with self.engine.begin() as connection:
            client_rows.request(connection, [asked])
            if published and request.not_before is None:
                client_rows.mark_published(connection, [asked])
        found = SqlUploadList(self.engine).find(request.job_id, request.run_id)
        assert found
        return found


class ClientCancellations(SqlCancellations):
    def of_job(self, job_id: int, run_id: int | None, *, reason: str) -> list[Upload]:
        with self.engine.begin() as connection:
            runs = client_rows.cancel(connection, job_id, run_id, reason)
        found = [SqlUploadList(self.engine).find(job_id, run) for run in runs]
        return [each for each in found if each]


def sql_store(engine: Engine, *, of_client: bool = False) -> Store:
    upgrade_schema(engine)
    add_job(engine, 12, CREATED_AT, [4, 5])

    def drop_run(run_id: int) -> None:
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM runs WHERE id = :id"), {"id": run_id})

    uploads = SqlUploadRepository(engine)
    return Store(
        ClientRequests(engine) if of_client else SqlRequestRepository(engine),
        uploads,
        uploads,
        SqlMultipartIds(engine),
        ClientCancellations(engine) if of_client else SqlCancellations(engine),
        SqlRunRepository(engine),
        SqlUploadList(engine).find,
        drop_run,
        partial(SqlOutbox, engine),
    )


@pytest.fixture(params=["fake", "sqlite", "postgresql", "client on sqlite", "client on postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "fake":
        yield fake_store()
        return
    url = f"sqlite:///{tmp_path / 'test.db'}"
    if request.param.endswith("postgresql"):
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.new_database()
    engine = make_engine(url)
    yield sql_store(engine, of_client=request.param.startswith("client"))
    engine.dispose()


@pytest.fixture
def landed(engine: Engine) -> Upload:
    """The upload of run 4 of job 12; run 5 has none."""
    add_job(engine, 12, CREATED_AT, [4, 5])
    return land(engine, 4)
