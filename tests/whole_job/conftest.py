"""An installation with a job whose artifacts lie in a bucket of each kind of server."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.command import Answer, Command
from tests.servers.strict_bucket import Strict
from tests.worker.packaging.trees import Node, make
from worker.bootstrap.services import Services
from worker.database.jobs import add_job
from worker.models.artifact import ArtifactId, ArtifactKind
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.upload_request import UploadRequest
from worker.settings import load_settings

CREATED_AT = datetime(2025, 10, 23, 21, 15, tzinfo=UTC)
FILES: Mapping[str, Node] = {
    "out.csv": b"t,x\n0,1\n",
    "logs": {"solver.log": b"converged\n" * 1000},
}


@dataclass(frozen=True)
class Installation:
    """Job 12 with its runs 4, 5 and 6, on SQLite; nothing has landed yet."""

    services: Services
    strict: Strict
    environment: dict[str, str]
    results: Path
    prefix: JobS3Prefix

    def oneprefix(self, *arguments: str, **environment: str) -> Answer:
        """The command, as a person gives it."""
        return Command(self.results.parent, self.environment | environment)(*arguments)

    @property
    def command(self) -> Command:
        return Command(self.results.parent, self.environment)

    def with_settings(self, **settings: str) -> "Installation":
        """The same place under other settings."""
        changed = self.services.settings.model_copy(update=settings)
        return replace(self, services=Services(changed))

    def land(self, run_id: int, files: Mapping[str, Node] = FILES) -> str:
        """Upload such a directory as a worker does; the object's key."""
        directory = self.results / f"RUN{run_id}"
        make(directory, files)
        assert self.services.upload_results(UploadRequest(12, run_id, str(directory)))
        return self.prefix.run_results_key(run_id)

    def put(self, kind: ArtifactKind, content: bytes, run_id: int | None = None) -> str:
        """Place an artifact past everything of ours; the object's key."""
        key = ArtifactId(kind, run_id).key(self.prefix)
        self.put_key(key, content)
        return key

    def put_key(self, key: str, content: bytes = b"") -> None:
        self.strict.upstream.put_object(Bucket=self.strict.bucket, Key=key, Body=content)


@pytest.fixture
def installed(
    strict: Strict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    results = tmp_path / "results"
    results.mkdir()
    environment = strict.proxy.server.environment() | {
        "ONEPREFIX_DATABASE_URL": f"sqlite:///{tmp_path / 'jobs.db'}",
        "ONEPREFIX_DATA_DIR": str(tmp_path / "data"),
        "ONEPREFIX_RESULTS_ROOTS": str(results),
        "ONEPREFIX_S3_BUCKET": strict.bucket,
        "ONEPREFIX_BACKOFF_SECONDS": "0.01",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    services = Services(load_settings())
    services.upgrade_schema()
    job = add_job(services.engine, 12, CREATED_AT, [4, 5, 6])
    yield Installation(services, strict, environment, results, JobS3Prefix.from_job(job))
    services.engine.dispose()
