from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.servers.strict_bucket import Strict
from worker.errors import InvalidObjectUrl
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.stored_object import ObjectUrl
from worker.storage.client import make_client
from worker.storage.objects.bucket import Bucket
from worker.storage.objects.url import parse_url

KEY = "jobs/12/2025/10/23/211500/run_4_results.zip"
ENDPOINT = "http://minio.example:9000"


@pytest.mark.parametrize(
    "url",
    [
        f"s3://my-bucket/{KEY}",
        f"https://my-bucket.s3.amazonaws.com/{KEY}",
        f"https://my-bucket.s3.eu-central-1.amazonaws.com/{KEY}",
        f"https://my-bucket.s3-eu-west-1.amazonaws.com/{KEY}",
        f"https://my-bucket.s3.dualstack.us-gov-west-1.amazonaws.com/{KEY}",
        f"https://my-bucket.s3-fips.us-east-2.amazonaws.com/{KEY}",
        f"https://my-bucket.s3-fips.dualstack.us-east-2.amazonaws.com/{KEY}",
        f"https://my-bucket.s3-accelerate.amazonaws.com/{KEY}",
        f"https://my-bucket.s3-accelerate.dualstack.amazonaws.com/{KEY}",
        f"https://my-bucket.s3.cn-north-1.amazonaws.com.cn/{KEY}",
        f"https://s3.amazonaws.com/my-bucket/{KEY}",
        f"https://s3.eu-central-1.amazonaws.com/my-bucket/{KEY}",
        f"https://s3-eu-west-1.amazonaws.com/my-bucket/{KEY}",
        f"{ENDPOINT}/my-bucket/{KEY}",
        f"http://my-bucket.s3.amazonaws.com/{KEY}",
        f"https://My-Bucket.S3.AmazonAWS.com/{KEY}",
        f"{ENDPOINT.replace('://', '://user:password@').replace('minio', 'MinIO')}/my-bucket/{KEY}",
        (
            f"https://my-bucket.s3.amazonaws.com/{KEY}?X-Amz-Algorithm=AWS4-HMAC-SHA256"
            "&X-Amz-Credential=AKIA%2F20251023%2Fus-east-1%2Fs3%2Faws4_request"
            "&X-Amz-Date=20251023T211500Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host"
            "&X-Amz-Signature=0123&response-content-disposition=attachment&x-id=GetObject"
        ),
        f"https://s3.amazonaws.com/my-bucket/{KEY}?AWSAccessKeyId=A&Signature=b%3D&Expires=1",
    ],
)
def test_every_form_names_its_bucket_and_key(url: str) -> None:
    assert parse_url(url, endpoint=ENDPOINT) == ObjectUrl("my-bucket", KEY)


@pytest.mark.parametrize(
    ("url", "bucket", "key"),
    [
        ("https://a.b.c.s3.amazonaws.com/k", "a.b.c", "k"),
        ("https://s3-data.s3.amazonaws.com/k", "s3-data", "k"),
        ("https://my-bucket.s3.amazonaws.com/a%20b+c/%C3%A4%25", "my-bucket", "a b+c/ä%"),
        ("s3://my-bucket/a b+c/ä%20?x#y", "my-bucket", "a b+c/ä%20?x#y"),
        ("s3://my-bucket//k/", "my-bucket", "/k/"),
        ("https://my-bucket.s3.amazonaws.com//k", "my-bucket", "/k"),
        ("http://minio.example:9000/s3-data/my-bucket/k", "s3-data", "my-bucket/k"),
    ],
)
def test_keys_are_read_as_they_are_meant(url: str, bucket: str, key: str) -> None:
    assert parse_url(url, endpoint=ENDPOINT) == ObjectUrl(bucket, key)


@pytest.mark.parametrize(
    ("url", "bucket"),
    [
        ("https://my-bucket.s3.amazonaws.com/k?versionId=3%2BnX", "my-bucket"),
        ("https://s3.amazonaws.com/other/k?versionId=3%2BnX&X-Amz-Expires=60", "other"),
        (f"{ENDPOINT}/my-bucket/k?versionId=3%2BnX", "my-bucket"),
    ],
)
def test_a_version_is_read_as_that_very_version(url: str, bucket: str) -> None:
    found = parse_url(url, endpoint=ENDPOINT)
    assert found == ObjectUrl(bucket, "k", "3+nX") != ObjectUrl(bucket, "k")
    assert str(found) == f"s3://{bucket}/k in version 3+nX"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "jobs/12/run_4_results.zip",
        "/results/RUN4",
        "s3://",
        "s3://my-bucket",
        "s3://my-bucket/",
        "s3:///k",
        "s3://b/k",
        "S3//my-bucket/k",
        "ftp://my-bucket.s3.amazonaws.com/k",
        "https://my-bucket.s3.amazonaws.com",
        "https://my-bucket.s3.amazonaws.com/",
        "https://s3.amazonaws.com/my-bucket",
        "https://s3.amazonaws.com/my-bucket/",
        "https://my-bucket.s3.amazonaws.com.evil.example/k",
        "https://evil.example/my-bucket.s3.amazonaws.com/k",
        "https://my-buckets3.amazonaws.com/k",
        "https://my-bucket.s3.amazonaws.com/k?versionId=",
        "https://my-bucket.s3.amazonaws.com/k?versionId=3&versionId=4",
        "https://my-bucket.s3.amazonaws.com/k?versionId=3&partNumber=1",
        "https://my-bucket.s3.amazonaws.com/k#part",
        "https://my-bucket.s3.amazonaws.com/%ff",
        "https://user:password@my-bucket.s3.amazonaws.com/k",
        "https://minio.example:9000/my-bucket/k",
        "http://minio.example:9001/my-bucket/k",
        "http://[broken/k",
        "https://my_buck et.s3.amazonaws.com/k",
    ],
)
def test_everything_else_is_refused_and_quoted_without_its_secrets(url: str) -> None:
    with pytest.raises(InvalidObjectUrl, match="names no object in S3") as refusal:
        parse_url(url, endpoint=ENDPOINT)
    assert "password" not in str(refusal.value)
    if "@" not in url and "%" not in url:
        assert repr(url) in str(refusal.value)


@given(st.text(max_size=200))
def test_no_text_surprises_it(text: str) -> None:
    try:
        found = parse_url(text, endpoint=ENDPOINT)
    except InvalidObjectUrl:
        return
    assert found.bucket
    assert found.key


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50))
def test_what_s3_can_hold_is_found_again(key: str) -> None:
    assert parse_url(f"s3://my-bucket/{key}") == ObjectUrl("my-bucket", key)


def test_our_own_urls_lead_back(strict: Strict, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in strict.proxy.server.environment().items():
        monkeypatch.setenv(name, value)
    client = make_client()
    key = JobS3Prefix(12, datetime(2025, 10, 23, 21, 15, tzinfo=UTC)).run_results_key(4)
    bucket = Bucket(client, strict.bucket)
    url = bucket.url(key)
    assert bucket.parse(url) == ObjectUrl(strict.bucket, key)
    presigned = client.generate_presigned_url("get_object", {"Bucket": strict.bucket, "Key": key})
    assert bucket.parse(presigned) == ObjectUrl(strict.bucket, key)
    client.close()
