"""The results store on a bucket behind the strict proxy, on both makes of server."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.servers.strict_bucket import Strict
from worker.models.artifact import Artifact
from worker.models.job import Run
from worker.models.job_s3_prefix import JobS3Prefix
from worker.storage.client import make_client
from worker.storage.objects.bucket import Bucket
from worker.storage.upload.results_store import S3ResultsStore
from worker.use_cases.upload.completion import complete
from worker.use_cases.upload.ports import Package, ResultsStore


@dataclass
class RecordedAttempt:
    """What the repository told; `refuse` at a call's name makes that call raise."""

    opened_ids: list[str] = field(default_factory=list)
    sealed_artifacts: list[Artifact] = field(default_factory=list)
    refuse: dict[str, Exception] = field(default_factory=dict)
    checks: int = 0

    moves: int = 0
    sent: list[int] = field(default_factory=list)

    def moved(self) -> None:
        self.moves += 1

    def check(self) -> None:
        self.checks += 1
        self._maybe_refuse(f"check {self.checks}")

    def opened(self, multipart_id: str) -> None:
        self.opened_ids.append(multipart_id)
        self._maybe_refuse("opened")

    def sealed(self, artifact: Artifact) -> None:
        self.sealed_artifacts.append(artifact)
        self._maybe_refuse("sealed")

    def _maybe_refuse(self, call: str) -> None:
        if call in self.refuse:
            raise self.refuse[call]


def store(
    results: ResultsStore,
    prefix: JobS3Prefix,
    run: Run,
    package: Package,
    attempt: RecordedAttempt,
    resume_id: str | None = None,
) -> Artifact:
    """Store the package's archive by the steps of an attempt, each told to `attempt`."""
    with results.begin(
        prefix,
        run,
        package.chunks(),
        size_bound=package.size_bound,
        file_count=package.file_count,
        moved=attempt.moved,
        check=attempt.check,
        sent=attempt.sent.append,
        resume_id=resume_id,
    ) as sending:
        if sending.multipart_upload_id:
            attempt.opened(sending.multipart_upload_id)
        artifact = sending.send_parts()
        complete(sending, artifact, attempt.sealed)
    return artifact


@pytest.fixture
def attempt() -> RecordedAttempt:
    return RecordedAttempt()


@pytest.fixture
def results(strict: Strict, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3ResultsStore]:
    """Through our own client, found by the environment as in production."""
    for name, value in strict.proxy.server.environment().items():
        monkeypatch.setenv(name, value)
    client = make_client()
    yield S3ResultsStore(Bucket(client, strict.bucket), {})
    client.close()
