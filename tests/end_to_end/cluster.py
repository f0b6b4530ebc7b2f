"""A whole installation of its own: broker, database, S3 behind the strict proxy, workers."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from celery import Celery
from sqlalchemy import Engine, text

from tests.servers.postgres import with_least_rights
from tests.servers.strict_bucket import Strict
from tests.servers.valkey import ValkeyServer
from worker.database.engine import make_engine
from worker.database.jobs import add_job
from worker.database.schema import upgrade_schema
from worker.database.uploads.upload_list import SqlUploadList
from worker.models.upload import Upload, UploadState

CREATED_AT = datetime(2025, 10, 23, 21, 15, tzinfo=UTC)
ENQUEUE = "import sys; from tasks import enqueue; enqueue(*map(int, sys.argv[1:3]), sys.argv[3])"
#: What would make most tests wait for nothing.
QUICK = {
    "ONEPREFIX_RECOVERY_SECONDS": "0.5",
    "ONEPREFIX_PUBLISH_GRACE_SECONDS": "1",
    "ONEPREFIX_BACKOFF_SECONDS": "0.2",
    "ONEPREFIX_MISSING_PATH_ATTEMPTS": "3",
    "ONEPREFIX_MISSING_PATH_SECONDS": "0",
    "ONEPREFIX_LEASE_SECONDS": "4",
}
AS_SHIPPED: dict[str, str] = {}
#: Seconds; generous, since the machine may be busy with other tests.
PATIENCE = 60


def eventually(happened: Callable[[], Any], what: str, *, patience: float = PATIENCE) -> Any:
    """Return the first true answer; fails after `patience` seconds."""
    deadline = time.monotonic() + patience
    while not (answer := happened()):
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.05)
    return answer


@dataclass
class Cluster:
    """What workers and producers may do is what `deploy/` gives them; tests may do everything."""

    directory: Path
    strict: Strict
    database_url: str
    """In a worker's role, on PostgreSQL."""
    producers_database_url: str
    broker_url: str
    """As a worker's user."""
    producers_broker_url: str
    operators_broker_url: str
    engine: Engine
    """As the owner of the tables."""
    broker: ValkeyServer
    settings: dict[str, str] = field(default_factory=dict)
    """Beside where everything is."""
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def results(self) -> Path:
        return self.directory / "results"

    @property
    def temporary(self) -> Path:
        """Where workers would put temporary files, had they any."""
        return self.directory / "tmp"

    @property
    def environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ONEPREFIX_", "AWS_"))
        }
        return (
            kept
            | self.strict.proxy.server.environment()
            | {
                "ONEPREFIX_DATABASE_URL": self.database_url,
                "ONEPREFIX_BROKER_URL": self.broker_url,
                "ONEPREFIX_S3_BUCKET": self.strict.bucket,
                "ONEPREFIX_RESULTS_ROOTS": str(self.results),
                "ONEPREFIX_DATA_DIR": str(self.directory / "data"),
                "TMPDIR": str(self.temporary),
            }
            | self.settings
        )

    @property
    def producers_environment(self) -> dict[str, str]:
        return self.environment | {
            "ONEPREFIX_DATABASE_URL": self.producers_database_url,
            "ONEPREFIX_BROKER_URL": self.producers_broker_url,
        }

    @property
    def producer(self) -> Celery:
        """A foreign program's Celery, which knows nothing of ours but the task's name."""
        return Celery(broker=self.producers_broker_url, set_as_current=False)

    @property
    def operator(self) -> Celery:
        """A program that watches and controls workers, as Flower does."""
        return Celery(broker=self.operators_broker_url, set_as_current=False)

    def send(self, *arguments: Any, **keywords: Any) -> str:
        with self.producer as producer:
            sent = producer.send_task(
                "tasks.package_and_upload", args=arguments, kwargs=keywords, queue="uploads"
            )
            return str(sent.id)

    def enqueue(self, job_id: int, run_id: int, path: str) -> None:
        """As a program beside us asks."""
        subprocess.run(
            [sys.executable, "-c", ENQUEUE, str(job_id), str(run_id), path],
            cwd=self.directory,
            env=self.producers_environment,
            check=True,
        )

    def start_worker(self, *options: str, **environment: str) -> subprocess.Popen[bytes]:
        """A real worker, once it takes messages."""
        log = self.directory / f"worker-{len(self.workers)}.log"
        command = [sys.executable, "-m", "celery", "-A", "tasks", "worker", "--loglevel=INFO"]
        command += ["--concurrency=2", f"--hostname=w{len(self.workers)}@%h"]
        with log.open("wb") as output:
            worker = subprocess.Popen(
                [*command, *options],
                cwd=self.directory,
                env=self.environment | environment,
                stdout=output,
                stderr=output,
            )
        self.workers.append(worker)
        eventually(lambda: b" ready." in log.read_bytes(), "a worker is ready")
        return worker

    def log(self, number: int = 0) -> str:
        return (self.directory / f"worker-{number}.log").read_text()

    def row(self, job_id: int, run_id: int) -> Upload | None:
        return SqlUploadList(self.engine).find(job_id, run_id)

    def wait_for(self, job_id: int, run_id: int, *states: UploadState) -> Upload:
        """The row once it is in one of the states; LANDED if none is named."""
        awaited = states or (UploadState.LANDED,)

        def found() -> Upload | None:
            row = self.row(job_id, run_id)
            return row if row and row.state in awaited else None

        row = eventually(found, f"run {run_id} is {' or '.join(awaited)}")
        assert isinstance(row, Upload)
        return row

    def scalar(self, query: str) -> Any:
        with self.engine.begin() as connection:
            return connection.scalar(text(query))

    def open_multipart_uploads(self) -> list[Any]:
        client = self.strict.upstream
        try:
            found = client.list_multipart_uploads(Bucket=self.strict.bucket)
        except client.exceptions.NoSuchUpload:  # so rclone says that there never was one
            return []
        return list(found.get("Uploads", []))

    def stop(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGTERM)
        try:
            for worker in self.workers:
                worker.wait(timeout=30)
        finally:
            for worker in self.workers:
                worker.kill()
                worker.wait()


@contextmanager
def cluster(
    directory: Path,
    strict: Strict,
    database_url: str,
    settings: dict[str, str] | None = None,
    *,
    timing: dict[str, str] = QUICK,
) -> Iterator[Cluster]:
    """Job 12 with its runs 4, 5 and 6, and no worker yet."""
    (directory / "results").mkdir()
    (directory / "tmp").mkdir()
    engine = make_engine(database_url)
    upgrade_schema(engine)
    add_job(engine, 12, CREATED_AT, [4, 5, 6])
    broker = ValkeyServer(directory / "broker")
    broker.start()
    running = Cluster(
        directory,
        strict,
        with_least_rights(database_url, "worker"),
        with_least_rights(database_url, "producer"),
        broker.url("worker"),
        broker.url("producer"),
        broker.url("flower"),
        engine,
        broker,
        timing | (settings or {}),
    )
    try:
        yield running
        # a broker that a test has stopped can't tell
        refused = broker.refused() if broker.is_running else []
        assert refused == [], refused
    finally:
        try:
            running.stop()
        finally:
            broker.stop()
            engine.dispose()
