"""What every implementation of the results repository does, the fake like the real one."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.fakes.results import FakePackage, FakeResults, artifact_of
from tests.worker.storage.conftest import RecordedAttempt, store
from worker.errors import LeaseLost, PrefixMismatch
from worker.models.artifact import Artifact
from worker.models.job import Run
from worker.models.job_s3_prefix import JobS3Prefix
from worker.use_cases.upload.ports import ResultsStore

PREFIX = JobS3Prefix(12, datetime(2025, 10, 23, 21, 15, tzinfo=UTC))
KEY = PREFIX.run_results_key(4)
RUN = Run(4, 12)


@pytest.fixture(params=["fake", "moto", "rclone"])
def repository(request: pytest.FixtureRequest) -> ResultsStore:
    if request.param == "fake":
        return FakeResults()
    results: ResultsStore = request.getfixturevalue("results")
    return results


@pytest.fixture
def upstream(request: pytest.FixtureRequest, repository_name: str) -> object:
    return request.getfixturevalue(repository_name)


@pytest.fixture
def repository_name(request: pytest.FixtureRequest) -> str:
    return str(request.node.callspec.params["repository"])


@pytest.mark.parametrize("content", [b"", b"archive", b"x" * (9 << 20)], ids=len)
def test_what_is_uploaded_is_held_and_was_sealed_before(
    repository: ResultsStore, repository_name: str, attempt: RecordedAttempt, content: bytes
) -> None:
    artifact = store(repository, PREFIX, RUN, FakePackage(content), attempt)
    expected = artifact_of(KEY, content)
    assert artifact in (expected, replace(expected, sha256=None))  # unknown of several parts
    assert attempt.sealed_artifacts == [artifact]
    assert sum(attempt.sent) == artifact.size
    held = repository.holds(artifact)
    # of a multipart upload rclone can't tell, for want of a checksum
    assert held is not (repository_name == "rclone" and len(content) > 8 << 20)
    assert not repository.holds(Artifact(KEY, artifact.size + 1, "CRC32:x", "x"))


def test_what_was_never_uploaded_is_not_held(repository: ResultsStore) -> None:
    assert not repository.holds(Artifact(KEY, 0, "CRC32:AAAAAA==", None))


def test_an_attempt_that_gives_up_at_the_seal_leaves_nothing(
    repository: ResultsStore, attempt: RecordedAttempt
) -> None:
    attempt.refuse["sealed"] = LeaseLost("taken over")
    with pytest.raises(LeaseLost):
        store(repository, PREFIX, RUN, FakePackage(b"archive"), attempt)
    artifact = artifact_of(KEY, b"archive")
    assert not repository.holds(artifact)


def test_a_prefix_of_another_job_is_refused(
    repository: ResultsStore, attempt: RecordedAttempt
) -> None:
    with pytest.raises(PrefixMismatch):
        store(repository, PREFIX, Run(4, 13), FakePackage(b"archive"), attempt)


def test_locations_end_with_the_key_and_are_not_presigned(repository: ResultsStore) -> None:
    assert repository.url(KEY).endswith("/" + KEY)
    assert "?" not in repository.url(KEY)
