"""What every other part of worker.storage relies on, on both makes of server."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email.utils import parsedate_to_datetime

import pytest
from botocore.stub import Stubber

from tests.servers.faults import AnswerError
from tests.servers.strict_bucket import Strict, only_moto
from worker.errors import ArtifactNotFound, ArtifactReplaced, StorageRefused
from worker.models.stored_object import ObjectUrl
from worker.storage.client import make_client
from worker.storage.objects.bucket import Bucket

CONTENT = bytes(range(256)) * 10
DATE = "Thu, 26 Nov 2026 11:30:00 GMT"


@pytest.fixture
def bucket(strict: Strict, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    for name, value in strict.proxy.server.environment().items():
        monkeypatch.setenv(name, value)
    client = make_client()
    yield Bucket(client, strict.bucket)
    client.close()


def put(strict: Strict, key: str, content: bytes = CONTENT) -> None:
    strict.upstream.put_object(Bucket=strict.bucket, Key=key, Body=content)


def test_a_listing_and_a_head_describe_the_same_object(bucket: Bucket, strict: Strict) -> None:
    put(strict, "a/k")
    put(strict, "b/k")
    [listed] = bucket.list("a/")
    assert (listed.key, listed.size, listed.fields) == ("a/k", len(CONTENT), {})
    found = bucket.require("a/k")
    # HEAD has whole seconds, a listing may have more
    assert abs(found.modified_at - listed.modified_at) < timedelta(seconds=1)
    assert replace(found, modified_at=listed.modified_at) == listed
    assert found.fields["ContentLength"] == len(CONTENT)


def test_an_absent_object_is_none_and_one_that_is_required_is_an_error(bucket: Bucket) -> None:
    assert bucket.head("k") is None
    with pytest.raises(ArtifactNotFound, match=f"there is no k in {bucket.name}"):
        bucket.require("k")


def test_a_store_that_leaves_out_when_an_object_was_changed_is_read_all_the_same() -> None:
    client = make_client()
    answer = {
        "ContentLength": 3,
        "ETag": '"e"',
        "ResponseMetadata": {"HTTPHeaders": {"date": DATE}},
    }
    with Stubber(client) as stub:
        stub.add_response("head_object", answer)
        found = Bucket(client, "results").require("k")
    assert (found.size, found.modified_at) == (3, parsedate_to_datetime(DATE))


def test_who_may_not_look_is_told_so_and_not_that_nothing_is_there(
    bucket: Bucket, strict: Strict
) -> None:
    strict.proxy.fault(lambda r: r.operation == "HeadObject", AnswerError(403, "AccessDenied"))
    with pytest.raises(StorageRefused, match="looking at k: S3 answered 403") as refusal:
        bucket.head("k")
    assert refusal.value.is_forbidden


def test_ranges_are_read_of_that_very_object_alone(bucket: Bucket, strict: Strict) -> None:
    put(strict, "k")
    found = bucket.require("k")
    assert b"".join(bucket.read(found, 100, 300)) == CONTENT[100:300]
    file = bucket.open(found)
    file.seek(-5, 2)
    assert (file.read(), file.requests) == (CONTENT[-5:], 1)
    put(strict, "k", CONTENT[::-1])
    with pytest.raises(ArtifactReplaced):
        list(bucket.read(found, 100, 300))
    strict.upstream.delete_object(Bucket=strict.bucket, Key="k")
    with pytest.raises(ArtifactNotFound):
        list(bucket.read(found, 100, 300))


@only_moto  # rclone ignores conditions
def test_only_the_object_that_was_seen_is_deleted(bucket: Bucket, strict: Strict) -> None:
    put(strict, "k")
    found = bucket.require("k")
    put(strict, "k", b"newer")
    with pytest.raises(StorageRefused, match="PreconditionFailed"):
        bucket.delete(found)
    bucket.delete(bucket.require("k"))
    bucket.delete(found)  # which is gone already
    assert strict.stored() == {}


def test_a_store_that_refuses_conditions_deletes_without(bucket: Bucket, strict: Strict) -> None:
    put(strict, "k")
    strict.proxy.fault(
        lambda r: r.operation == "DeleteObject" and r.has_condition,
        AnswerError(501, "NotImplemented"),
    )
    bucket.delete(bucket.require("k"))
    assert strict.stored() == {}


def test_its_urls_lead_to_its_own_objects(bucket: Bucket) -> None:
    assert bucket.parse(bucket.url("a b/ü")) == ObjectUrl(bucket.name, "a b/ü")
    assert bucket.is_at(f"s3://{bucket.name}/k", "k")
    assert not bucket.is_at(f"s3://{bucket.name}/k", "other")
    assert not bucket.is_at("s3://another-bucket/k", "k")
    assert not bucket.is_at("no URL", "k")
    assert str(bucket.parse("s3://another-bucket/k")) == "s3://another-bucket/k"
