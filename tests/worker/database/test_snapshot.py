"""Uploads and orders are counted as they are, and totals never fall, on each kind of database."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from math import isfinite
from threading import Event
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from tests.servers.postgres import PostgresServer, with_least_rights
from tests.worker.database.landed import claim, land
from worker.database import totals as totals_module
from worker.database.engine import make_engine
from worker.database.jobs import add_job
from worker.database.schema import upgrade_schema
from worker.database.snapshot import SqlSnapshot
from worker.database.totals import BATCH, WORTHWHILE, SqlTotals
from worker.database.uploads.attempts import SqlUploadRepository
from worker.database.uploads.cancellations import SqlCancellations
from worker.database.uploads.requests import SqlRequestRepository
from worker.database.uploads.upload_list import SqlUploadList
from worker.models.archive import Archive
from worker.models.artifact import Artifact
from worker.models.order import OrderState
from worker.models.snapshot import Ended, Snapshot, UnderWay
from worker.models.upload import UploadState
from worker.models.upload_request import Refusal, UploadRequest

CREATED_AT = datetime(2025, 10, 23, 21, 15, tzinfo=UTC)
RUNS = range(1, 20)
LANDED, FAILED, CANCELLED = UploadState.LANDED, UploadState.FAILED, UploadState.CANCELLED


@pytest.fixture
def engine(engine: Engine) -> Engine:
    add_job(engine, 12, CREATED_AT, list(RUNS))
    return engine


def snapshot(engine: Engine) -> Snapshot:
    return SqlSnapshot(engine).read()


def execute(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def seal_and_land(engine: Engine, run_id: int, size: int) -> None:
    claimed = claim(engine, run_id)
    repository = SqlUploadRepository(engine)
    artifact = Artifact(f"jobs/12/{run_id}", size, "CRC32:AAAAAA==", None)
    repository.seal(claimed, archive=Archive(1, size * 3, size), artifact=artifact)
    repository.land(claimed, results_url="https://bucket.s3.amazonaws.com/k")


def ask(engine: Engine, run_id: int, *, replace: bool = False) -> None:
    request = UploadRequest(12, run_id, "/r", replace=replace)
    SqlRequestRepository(engine).request(request, published=True)


def test_an_installation_without_rows_has_zeros(engine: Engine) -> None:
    found = snapshot(engine)
    assert set(found.uploads.values()) == set(found.orders.values()) == {UnderWay()}
    assert set(found.ended_uploads.values()) == set(found.ended_orders.values()) == {Ended()}
    assert set(found.uploads) | set(found.ended_uploads) == set(UploadState)
    assert set(found.orders) | set(found.ended_orders) == set(OrderState)
    assert (found.landed_bytes, found.refused_messages, found.expired_leases) == (0, 0, 0)


def test_states_are_counted_as_the_list_of_uploads_counts_them(engine: Engine) -> None:
    repository = SqlUploadRepository(engine)
    ask(engine, 1)
    claim(engine, 2)
    repository.retry(claim(engine, 3), error="why", delay=60, traceback="")
    seal_and_land(engine, 4, 100)
    seal_and_land(engine, 5, 50)
    repository.fail(claim(engine, 6), error="why", traceback="")
    ask(engine, 7)
    SqlCancellations(engine).of_job(12, 7, reason="nobody wants it")
    SqlRequestRepository(engine).refuse(Refusal(None, None, "/r", "no ids", "task"))
    found = snapshot(engine)
    counts = {state: each.count for state, each in found.uploads.items()}
    counts |= {state: each.present for state, each in found.ended_uploads.items()}
    assert {state: count for state, count in counts.items() if count} == SqlUploadList(
        engine
    ).counts()
    assert (found.landed_bytes, found.refused_messages) == (150, 1)
    assert found.ended_uploads == {LANDED: Ended(2, 2), FAILED: Ended(1, 1), CANCELLED: Ended(1, 1)}


def test_totals_never_fall_while_rows_are_replaced_deleted_and_folded(engine: Engine) -> None:
    for run_id in (1, 2, 3):
        seal_and_land(engine, run_id, 100)
    before = snapshot(engine)
    ask(engine, 1, replace=True)
    assert snapshot(engine).ended_uploads[LANDED] == Ended(3, 2)
    seal_and_land(engine, 1, 7)
    execute(engine, "DELETE FROM uploads WHERE run_id = 2")
    found = snapshot(engine)
    assert before.ended_uploads[LANDED] == Ended(3, 3)
    assert found.ended_uploads[LANDED] == Ended(4, 2)
    assert (before.landed_bytes, found.landed_bytes) == (300, 307)
    execute(engine, "DELETE FROM uploads")
    assert snapshot(engine).ended_uploads[LANDED] == Ended(4, 0)


def test_a_table_that_was_emptied_at_once_has_no_uploads(
    postgres: PostgresServer, engine: Engine
) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no TRUNCATE")
    seal_and_land(engine, 1, 100)
    execute(engine, "TRUNCATE uploads")
    found = snapshot(engine)
    assert found.ended_uploads[LANDED] == Ended(1, 0)
    assert found.landed_bytes == 100


def test_results_that_a_migration_recorded_have_not_landed_here(engine: Engine) -> None:
    execute(
        engine,
        "INSERT INTO uploads (job_id, run_id, path, state, archive_size)"
        " VALUES (12, 1, 'https://old', 'LANDED', 100)",
    )
    found = snapshot(engine)
    assert found.ended_uploads[LANDED] == Ended(0, 1)
    assert found.landed_bytes == 0


@pytest.mark.parametrize("size", ["-5", "NULL", "9000000000000000000"])
def test_a_size_that_no_archive_has_adds_nothing(engine: Engine, size: str) -> None:
    claim(engine, 1)
    execute(engine, f"UPDATE uploads SET archive_size = {size}, state = 'LANDED'")
    found = snapshot(engine)
    assert (found.landed_bytes, found.ended_uploads[LANDED]) == (0, Ended(1, 1))


def test_what_is_asked_for_later_waits_only_from_then_on(engine: Engine) -> None:
    later = UploadRequest(12, 1, "/r", not_before=600.0)
    SqlRequestRepository(engine).request(later, published=True)
    found = snapshot(engine).uploads[UploadState.REQUESTED]
    assert (found.count, found.oldest, found.overdue) == (1, 0, 0)
    execute(engine, f"UPDATE uploads SET next_attempt_at = {ago(engine, 30)}")
    found = snapshot(engine).uploads[UploadState.REQUESTED]
    assert found.oldest == found.overdue == pytest.approx(30, abs=5)


def test_ages_are_those_of_the_oldest_and_of_the_first_that_is_due(engine: Engine) -> None:
    repository = SqlUploadRepository(engine)
    for run_id in (1, 2):
        ask(engine, run_id)
    claim(engine, 3, lease=-20)
    claim(engine, 4)
    for run_id, delay in ((5, -40), (6, 600)):
        repository.retry(claim(engine, run_id), error="why", delay=delay, traceback="")
    execute(engine, f"UPDATE uploads SET requested_at = {ago(engine, 100)} WHERE run_id <> 2")
    found = snapshot(engine)
    assert {round(each.oldest, -1) for each in found.uploads.values()} == {100}
    assert {state: round(each.overdue, -1) for state, each in found.uploads.items()} == {
        UploadState.REQUESTED: 100,
        UploadState.UPLOADING: 20,
        UploadState.RETRYING: 40,
    }
    assert found.expired_leases == 1


@pytest.mark.parametrize("time", ["infinity", "-infinity"])
def test_a_time_that_no_clock_tells_makes_no_metric_impossible(engine: Engine, time: str) -> None:
    ask(engine, 1)
    execute(engine, f"UPDATE uploads SET requested_at = '{time}'")
    found = snapshot(engine).uploads[UploadState.REQUESTED]
    assert found.count == 1
    assert isfinite(found.oldest)
    assert found.oldest >= 0


def test_incomplete_multipart_uploads_are_held_resumable_or_left(engine: Engine) -> None:
    repository = SqlUploadRepository(engine)
    for run_id in range(1, 6):
        claimed = claim(engine, run_id)
        repository.opened(claimed, multipart_id="m", file_count=1, bytes_total=1, s3_key="k")
        if run_id > 3:
            repository.fail(claimed, error="why", traceback="")
        elif run_id > 1:
            repository.retry(claimed, error="why", delay=60, traceback="")
    found = snapshot(engine).incomplete_uploads
    assert (found.held, found.resumable, found.left) == (1, 2, 2)


def test_orders_are_counted_and_their_totals_kept(engine: Engine) -> None:
    columns = "(id, kind, arguments, state, given_at, lease_until)"
    for number, (state, lease) in enumerate(
        [("REQUESTED", 0), ("RUNNING", 15), ("RUNNING", -60), ("REQUESTED", 0), ("DONE", 0)]
    ):
        execute(
            engine,
            f"INSERT INTO job_orders {columns} VALUES ('{number}', 'verify', '{{}}', '{state}',"
            f" {ago(engine, 30)}, {ago(engine, lease)})",
        )
    execute(
        engine,
        "UPDATE job_orders SET state = 'FAILED' WHERE id = '3'",
        "DELETE FROM job_orders WHERE id = '3'",
    )
    found = snapshot(engine)
    assert {state: each.count for state, each in found.orders.items()} == {
        OrderState.REQUESTED: 1,
        OrderState.RUNNING: 2,
        OrderState.RETRYING: 0,
    }
    assert found.orders[OrderState.REQUESTED].overdue == pytest.approx(30, abs=5)
    assert found.orders[OrderState.RUNNING].overdue == pytest.approx(15, abs=5)
    assert found.ended_orders == {
        OrderState.DONE: Ended(0, 1),
        OrderState.FAILED: Ended(1, 0),
        OrderState.CANCELLED: Ended(),
    }


def test_an_upgrade_counts_what_had_ended_before(empty_engine: Engine) -> None:
    upgrade_schema(empty_engine, "0010")
    columns = "(job_id, run_id, path, state, archive_size)"
    execute(
        empty_engine,
        f"INSERT INTO uploads {columns} VALUES (12, 1, '/r', 'LANDED', 100)",
        f"INSERT INTO uploads {columns} VALUES (12, 2, '/r', 'LANDED', NULL)",
        f"INSERT INTO uploads {columns} VALUES (12, 3, '/r', 'FAILED', 100)",
        f"INSERT INTO uploads {columns} VALUES (NULL, NULL, '/r', 'FAILED', NULL)",
        f"INSERT INTO uploads {columns} VALUES (12, 4, '/r', 'REQUESTED', NULL)",
        "INSERT INTO job_orders (id, kind, arguments, state) VALUES ('a', 'verify', '{}', 'DONE')",
    )
    upgrade_schema(empty_engine)
    found = snapshot(empty_engine)
    assert found.ended_uploads == {LANDED: Ended(2, 2), FAILED: Ended(1, 1), CANCELLED: Ended()}
    assert (found.landed_bytes, found.refused_messages) == (100, 1)
    assert found.ended_orders[OrderState.DONE] == Ended(1, 1)


def test_rows_of_the_totals_are_folded_and_say_the_same(engine: Engine) -> None:
    def rows() -> int:
        with engine.begin() as connection:
            return connection.scalar(text("SELECT count(*) FROM oneprefix_totals")) or 0

    totals = SqlTotals(engine)
    seal_and_land(engine, 1, 100)
    assert totals.fold() == 0
    number = BATCH + WORTHWHILE
    values = ", ".join(f"(13, {run}, '/r', 'FAILED')" for run in range(1, number + 1))
    execute(engine, f"INSERT INTO uploads (job_id, run_id, path, state) VALUES {values}")
    execute(engine, "DELETE FROM uploads WHERE job_id = 13 AND run_id = 7")
    before = snapshot(engine)
    assert before.ended_uploads[FAILED] == Ended(number, number - 1)
    assert totals.fold() >= number
    assert rows() < WORTHWHILE
    assert snapshot(engine) == before


def test_no_upload_that_has_landed_is_looked_at(postgres: PostgresServer) -> None:
    engine = make_engine(postgres.new_database())
    upgrade_schema(engine)
    execute(
        engine,
        "INSERT INTO uploads (job_id, run_id, path, state) SELECT 12, n, '/r', 'LANDED'"
        " FROM generate_series(1, 20000) AS n",
        "INSERT INTO uploads (job_id, run_id, path) SELECT 13, n, '/r'"
        " FROM generate_series(1, 20) AS n",
        "INSERT INTO job_orders (id, kind, arguments, state) SELECT n, 'verify', '{}', 'DONE'"
        " FROM generate_series(1, 20000) AS n",
    )
    SqlTotals(engine).fold()
    executed: list[tuple[str, Any]] = []
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")

    @event.listens_for(engine, "before_cursor_execute")
    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        executed.append((statement, parameters))

    assert snapshot(engine).uploads[UploadState.REQUESTED].count == 20
    event.remove(engine, "before_cursor_execute", note)
    with engine.begin() as connection:
        plans = [
            "\n".join(connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars())
            for statement, parameters in executed
        ]
    engine.dispose()
    assert sum("on uploads" in plan for plan in plans) == 2
    scans = [plan for plan in plans if re.search("Seq Scan on (uploads|job_orders)", plan)]
    assert scans == []


def test_what_is_folded_while_others_write_is_neither_lost_nor_seen_to_fall(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals_module, "WORTHWHILE", 3)
    monkeypatch.setattr(totals_module, "BATCH", 7)
    stop, number = Event(), 60

    def fail(job: int) -> None:
        for run in range(1, number + 1):
            values = f"({job}, {run}, '/r', 'FAILED')"
            execute(engine, f"INSERT INTO uploads (job_id, run_id, path, state) VALUES {values}")

    def fold() -> int:
        folded = 0
        while not stop.is_set():
            folded += SqlTotals(engine).fold()
        return folded

    def read() -> list[int]:
        seen = []
        while not stop.is_set():
            seen.append(snapshot(engine).ended_uploads[FAILED].ever)
        return seen

    with ThreadPoolExecutor(5) as threads:
        folds, reads = [threads.submit(fold) for _ in range(2)], threads.submit(read)
        for writer in [threads.submit(fail, job) for job in (13, 14)]:
            writer.result()
        stop.set()
        assert sum(each.result() for each in folds) > number
        seen = reads.result()
    assert seen
    assert seen == sorted(seen)
    assert snapshot(engine).ended_uploads[FAILED] == Ended(2 * number, 2 * number)


def test_tables_may_lie_in_a_schema_of_their_own(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    owner = make_engine(url)
    execute(owner, 'CREATE SCHEMA "their own"')
    owner.dispose()
    engine = make_engine(url + "&options=-csearch_path%3D%22their%5C%20own%22")
    upgrade_schema(engine)
    add_job(engine, 12, CREATED_AT, [1])
    seal_and_land(engine, 1, 100)
    assert snapshot(engine).landed_bytes == 100
    engine.dispose()


def ago(engine: Engine, seconds: float) -> str:
    if engine.dialect.name == "sqlite":
        return f"strftime('%Y-%m-%d %H:%M:%f000', 'now', '{-seconds:+g} seconds')"
    return f"now() - interval '{seconds:g} seconds'"


def test_a_worker_folds_and_a_reader_reads_with_the_rights_that_they_have(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals_module, "WORTHWHILE", 2)
    url = postgres.new_database()
    owner = make_engine(url)
    upgrade_schema(owner)
    add_job(owner, 12, CREATED_AT, [1, 2])
    worker = make_engine(with_least_rights(url, "worker"))
    for run_id in (1, 2):
        land(worker, run_id)
    assert SqlTotals(worker).fold() == 2
    reader = make_engine(with_least_rights(url, "reader"))
    assert snapshot(reader).ended_uploads[LANDED] == Ended(2, 2)
    for engine in (owner, worker, reader):
        engine.dispose()
