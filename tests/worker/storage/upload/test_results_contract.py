"""What every implementation of the results repository does, the fake like the real one."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.fakes.results import FakePackage, FakeResults, artifact_of
from tests.worker.storage.conftest import RecordedAttempt
from worker.errors import LeaseLost, PrefixMismatch
from worker.models.job import Run
from worker.models.job_s3_prefix import JobS3Prefix
from worker.use_cases.upload.ports import ResultsRepository

PREFIX = JobS3Prefix(12, datetime(2025, 10, 23, 21, 15, tzinfo=UTC))
KEY = PREFIX.run_results_key(4)
RUN = Run(4, 12)


@pytest.fixture(params=["fake", "moto", "rclone"])
def repository(request: pytest.FixtureRequest) -> ResultsRepository:
    if request.param == "fake":
        return FakeResults()
    results: ResultsRepository = request.getfixturevalue("results")
    return results


@pytest.fixture
def upstream(request: pytest.FixtureRequest, repository_name: str) -> object:
    return request.getfixturevalue(repository_name)


@pytest.fixture
def repository_name(request: pytest.FixtureRequest) -> str:
    return str(request.node.callspec.params["repository"])


@pytest.mark.parametrize("content", [b"", b"archive", b"x" * (9 << 20)], ids=len)
def test_what_is_uploaded_is_held_and_was_sealed_before(
    repository: ResultsRepository, repository_name: str, attempt: RecordedAttempt, content: bytes
) -> None:
    artifact = repository.upload(PREFIX, RUN, FakePackage(content), attempt)
    expected = artifact_of(KEY, content)
    assert artifact in (expected, replace(expected, sha256=None))  # unknown of several parts
    assert attempt.sealed_artifacts == [artifact]
    held = repository.holds(
        KEY, size=artifact.size, checksum=artifact.checksum, sha256=artifact.sha256
    )
    # of a multipart upload rclone can't tell, for want of a checksum
    assert held is not (repository_name == "rclone" and len(content) > 8 << 20)
    assert not repository.holds(KEY, size=artifact.size + 1, checksum="CRC32:x", sha256="x")


def test_what_was_never_uploaded_is_not_held(repository: ResultsRepository) -> None:
    assert not repository.holds(KEY, size=0, checksum="CRC32:AAAAAA==", sha256=None)


def test_an_attempt_that_gives_up_at_the_seal_leaves_nothing(
    repository: ResultsRepository, attempt: RecordedAttempt
) -> None:
    attempt.refuse["sealed"] = LeaseLost("taken over")
    with pytest.raises(LeaseLost):
        repository.upload(PREFIX, RUN, FakePackage(b"archive"), attempt)
    artifact = artifact_of(KEY, b"archive")
    assert not repository.holds(
        KEY, size=artifact.size, checksum=artifact.checksum, sha256=artifact.sha256
    )


def test_a_prefix_of_another_job_is_refused(
    repository: ResultsRepository, attempt: RecordedAttempt
) -> None:
    with pytest.raises(PrefixMismatch):
        repository.upload(PREFIX, Run(4, 13), FakePackage(b"archive"), attempt)


def test_locations_end_with_the_key_and_are_not_presigned(repository: ResultsRepository) -> None:
    assert repository.url(KEY).endswith("/" + KEY)
    assert "?" not in repository.url(KEY)
