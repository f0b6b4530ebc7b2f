"""The pages as a browser reaches them: by uvicorn, over rows and a bucket that are real."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import uvicorn
from sqlalchemy import Engine

from tests.end_to_end.cluster import eventually
from tests.servers.s3 import S3Server
from tests.web.client import Client
from tests.worker.packaging.trees import Node, make
from web.app import make_app
from worker.bootstrap.services import Services
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.upload import Upload
from worker.models.upload_request import UploadRequest
from worker.settings import load_settings

PASSWORD, TOKEN = "password-of-the-tests", "token-of-the-tests"


@contextmanager
def served(services: Services, enqueue: Callable[..., Upload]) -> Iterator[str]:
    """The pages' address while they are served on the loopback."""
    app = make_app(services, enqueue, host="127.0.0.1")
    config = uvicorn.Config(app, port=0, lifespan="off", log_level="warning", access_log=False)
    config.timeout_graceful_shutdown = 1
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


class NoBroker:
    def publish(self, request: UploadRequest, *, urgent: bool = False, retries: int = 0) -> bool:
        return False


@dataclass
class Site:
    """An installation and its pages."""

    services: Services
    results: Path
    enqueued: list[tuple[Any, ...]] = field(default_factory=list)

    @property
    def engine(self) -> Engine:
        return self.services.engine

    @property
    def prefix(self) -> JobS3Prefix:
        return JobS3Prefix.from_job(self.services.jobs.get(12))

    def land(self, run_id: int, files: Mapping[str, Node]) -> None:
        """Upload such a directory as a worker does, as a run of job 12."""
        directory = self.results / f"RUN{run_id}"
        make(directory, files)
        assert self.services.upload_results(UploadRequest(12, run_id, str(directory)))

    def put(self, key: str, content: bytes) -> None:
        bucket = self.services.bucket
        bucket.client.put_object(Bucket=bucket.name, Key=key, Body=content)

    @contextmanager
    def open(self, **settings: Any) -> Iterator[Client]:
        """Serve the pages under the settings, with services of their own as after a restart."""
        changed = self.services.settings.model_copy(update=settings)
        services = Services(changed)

        def enqueue(job_id: int, run_id: int, path: str, *, replace: bool = False) -> Upload:
            upload = services.enqueue_upload(NoBroker())(job_id, run_id, path, replace=replace)
            self.enqueued.append((job_id, run_id, path, replace))
            return upload

        try:
            with served(services, enqueue) as address:
                yield Client(address)
        finally:
            # a look that was under way ends by itself
            pool: Any = services.engine.pool
            eventually(lambda: not pool.checkedout(), "nobody reads any more", patience=10)
            services.engine.dispose()


@pytest.fixture
def site(
    engine: Engine, moto: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    """Pages over an empty, migrated database of each kind."""
    results = tmp_path / "results"
    results.mkdir()
    values = moto.environment() | {
        "ONEPREFIX_DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "ONEPREFIX_DATA_DIR": str(tmp_path / "data"),
        "ONEPREFIX_S3_BUCKET": f"results-{uuid4().hex[:8]}",
        "ONEPREFIX_RESULTS_ROOTS": str(results),
        "ONEPREFIX_BROKER_URL": "redis://127.0.0.1:1/0",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    services = Services(load_settings())
    services.bucket.create()
    yield Site(services, results)
    services.engine.dispose()
