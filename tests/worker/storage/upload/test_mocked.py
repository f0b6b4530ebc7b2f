"""An upload in a process whose S3 is moto's, by its decorator."""

import os

import pytest
from moto import mock_aws

from tests.fakes.results import FakePackage
from tests.worker.storage.conftest import RecordedAttempt, store
from tests.worker.storage.upload.test_results_store import KEY, PREFIX, RUN
from worker.errors import LeaseLost
from worker.storage.client import make_client
from worker.storage.objects.bucket import Bucket
from worker.storage.upload.results_store import S3ResultsStore

CONTENT = os.urandom(20 << 20)  # three parts


@pytest.fixture(autouse=True)
def amazon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials that lead to Amazon, were it not for moto."""
    for name in list(filter(lambda name: name.startswith("AWS_"), os.environ)):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_REGION", "us-east-1")


@pytest.mark.parametrize("content", [CONTENT[:1000], CONTENT], ids=["put", "multipart"])
def test_an_archive_lands_in_the_mocked_bucket(content: bytes, attempt: RecordedAttempt) -> None:
    with mock_aws():
        client = make_client()
        client.create_bucket(Bucket="results")
        store(
            S3ResultsStore(Bucket(client, "results"), {}),
            PREFIX,
            RUN,
            FakePackage(content),
            attempt,
        )
        landed = client.get_object(Bucket="results", Key=KEY)["Body"].read()
    assert landed == content


def test_parts_are_sent_once(attempt: RecordedAttempt, monkeypatch: pytest.MonkeyPatch) -> None:
    with mock_aws():
        client = make_client()
        client.create_bucket(Bucket="results")
        monkeypatch.setattr(client, "upload_part", None)
        store(
            S3ResultsStore(Bucket(client, "results"), {}),
            PREFIX,
            RUN,
            FakePackage(CONTENT),
            attempt,
        )


def test_an_interrupted_upload_is_resumed(attempt: RecordedAttempt) -> None:
    attempt.refuse["sealed"] = LeaseLost("taken over")
    with mock_aws():
        client = make_client()
        client.create_bucket(Bucket="results")
        results = S3ResultsStore(Bucket(client, "results"), {})
        with pytest.raises(LeaseLost):
            store(results, PREFIX, RUN, FakePackage(CONTENT), attempt)
        [resume_id] = attempt.opened_ids
        store(results, PREFIX, RUN, FakePackage(CONTENT), RecordedAttempt(), resume_id)
        assert client.get_object(Bucket="results", Key=KEY)["Body"].read() == CONTENT
