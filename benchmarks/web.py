"""Measures how long the pages take, for a job of 10,000 runs among others: `make bench-web`."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from pydantic import SecretStr
from sqlalchemy import Engine, insert, text

from tests.servers.postgres import postgres_server
from web.app import make_app
from worker.bootstrap.services import Services
from worker.database.engine import transaction
from worker.database.tables import jobs, runs, uploads
from worker.settings import Settings

#: Runs of the job that is asked for, and how many other jobs have as many together.
RUNS, OTHERS = 10_000, 90
REQUESTS = 60
PAGES = [
    "/",
    "/jobs",
    "/uploads",
    "/uploads?state=FAILED",
    "/jobs/1",
    "/jobs/1?page=50",
    "/jobs/1?state=FAILED",
    "/jobs/1/timeline",
    "/jobs/1/runs/5000",
]
STATES = ["LANDED"] * 17 + ["FAILED", "RETRYING", "REQUESTED"]
REASON = "TreeChanged: RUN17/fields/velocity.vtu was 18,874,368 bytes when it was listed; "


def main() -> None:
    print("| page | SQLite p50 | p95 | PostgreSQL p50 | p95 |\n|---|---|---|---|---|")  # noqa: T201
    with TemporaryDirectory() as directory, postgres_server() as server:
        urls = [f"sqlite:///{Path(directory) / 'web.db'}", server.new_database()]
        measured = [measure(url) for url in urls]
    for page in PAGES:
        times = [f"{each[page][at] * 1000:.0f} ms" for each in measured for at in (0, 1)]
        print(f"| `{page}` | " + " | ".join(times) + " |")  # noqa: T201
    slowest = max(each[page][1] for each in measured for page in PAGES if "/jobs/1" in page)
    print(f"\nThe slowest page of the job: {slowest * 1000:.0f} ms (p95).", file=sys.stderr)  # noqa: T201


def measure(url: str) -> dict[str, tuple[float, float]]:
    """Return the median and the 95th percentile of each page's times, in seconds."""
    settings = Settings(
        database_url=SecretStr(url), broker_url=SecretStr("redis://127.0.0.1:1/0"), s3_bucket="b"
    )
    services = Services(settings)
    services.upgrade_schema()
    fill(services.engine)
    with served(services) as address:
        return {page: percentiles(address, page) for page in PAGES}


def percentiles(address: str, page: str) -> tuple[float, float]:
    times = []
    for _ in range(REQUESTS):
        connection = HTTPConnection(urlsplit(address).netloc)
        began = time.perf_counter()
        connection.request("GET", page)
        answer = connection.getresponse()
        answer.read()
        times.append(time.perf_counter() - began)
        connection.close()
        assert answer.status == 200, (page, answer.status)  # noqa: S101
    times.sort()
    return times[len(times) // 2], times[int(len(times) * 0.95)]


@contextmanager
def served(services: Services) -> Iterator[str]:
    app = make_app(services, lambda *_: None, host="127.0.0.1")  # type: ignore[arg-type]
    config = uvicorn.Config(app, port=0, lifespan="off", log_level="warning", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()
    services.engine.dispose()


def fill(engine: Engine) -> None:
    """Insert a job of 10,000 runs and other jobs of a hundred each."""
    per_job = [(1, RUNS)] + [(number, 100) for number in range(2, 2 + OTHERS)]
    first = 0
    with transaction(engine) as connection:
        for job_id, count in per_job:
            created_at = datetime.now(UTC) - timedelta(days=job_id)
            connection.execute(insert(jobs).values(id=job_id, created_at=created_at))
            ids = range(first + 1, first + count + 1)
            connection.execute(insert(runs), [{"id": each, "job_id": job_id} for each in ids])
            connection.execute(insert(uploads), [row(job_id, each) for each in ids])
            first += count
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text("ANALYZE"))


def row(job_id: int, run_id: int) -> dict[str, Any]:
    requested_at = datetime.now(UTC) - timedelta(minutes=run_id % 3000)
    state = STATES[run_id % len(STATES)]
    has_landed = state == "LANDED"
    return {
        "job_id": job_id,
        "run_id": run_id,
        "path": f"/results/job_{job_id}/RUN{run_id}",
        "state": state,
        "attempt": 1,
        "bytes_done": 1 << 30 if has_landed else 1 << 20,
        "bytes_total": 1 << 30,
        "archive_size": 1 << 28 if has_landed else None,
        "results_url": f"https://b.s3.amazonaws.com/{run_id}" if has_landed else None,
        "error": None if has_landed else REASON * 5,
        "traceback": None if has_landed else REASON * 40,
        "requested_at": requested_at,
        "begun_at": requested_at,
        "updated_at": requested_at,
        "landed_at": requested_at if has_landed else None,
    }


if __name__ == "__main__":
    main()
