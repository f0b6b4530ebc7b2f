from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import InvalidId
from worker.models.artifact import ArtifactId, ArtifactKind
from worker.models.job_s3_prefix import JobS3Prefix

PREFIX = JobS3Prefix(12, datetime(2025, 10, 23, 21, 15, tzinfo=UTC))
BASE = "jobs/12/2025/10/23/211500"


@given(st.sampled_from(ArtifactKind), st.integers(1, 2**63 - 1))
def test_a_key_names_its_artifact(kind: ArtifactKind, run_id: int) -> None:
    artifact = ArtifactId(kind, run_id if kind.is_of_run else None)
    key = artifact.key(PREFIX)
    assert key.startswith(f"{BASE}/{kind if not kind.is_of_run else f'run_{run_id}'}")
    assert ArtifactId.at(key, PREFIX) == artifact


@pytest.mark.parametrize(
    "name",
    [
        "",
        "notes.txt",
        "run_4_results.zip.bak",
        "run_04_results.zip",
        "run_0_results.zip",
        "run_-4_results.zip",
        "run_٤_results.zip",
        "run__results.zip",
        "run_4_results.zip/x",
        "x/run_4_results.zip",
        "job_config.zip",
    ],
)
def test_other_names_are_none_of_ours(name: str) -> None:
    assert ArtifactId.at(f"{BASE}/{name}", PREFIX) is None


@pytest.mark.parametrize("key", [f"{BASE}9/job_config.json", "job_config.json", f"/{BASE}/x"])
def test_nor_are_keys_elsewhere(key: str) -> None:
    assert ArtifactId.at(key, PREFIX) is None


@pytest.mark.parametrize("kind", [kind for kind in ArtifactKind if kind.is_of_run])
def test_a_runs_artifact_needs_a_run(kind: ArtifactKind) -> None:
    with pytest.raises(InvalidId):
        ArtifactId(kind).key(PREFIX)


@pytest.mark.parametrize("kind", ArtifactKind)
def test_each_has_a_content_type(kind: ArtifactKind) -> None:
    assert "/" in kind.content_type
