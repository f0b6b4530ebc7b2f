import pytest

from worker.errors import StorageRefused, StorageUnavailable
from worker.redaction import redacted
from worker.storage.client import is_amazon, make_client
from worker.storage.errors import translated_s3_errors
from worker.storage.objects.bucket import Bucket
from worker.storage.upload.results_store import S3ResultsStore

KEY = "jobs/12/2025/10/23/211500/run_4_results.zip"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment with credentials, and neither files nor a region or endpoint."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    return monkeypatch


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_the_region_comes_from_either_variable(aws: pytest.MonkeyPatch, variable: str) -> None:
    aws.setenv(variable, "eu-central-1")
    assert make_client().meta.region_name == "eu-central-1"


def test_at_amazon_the_permanent_url_has_the_bucket_in_its_host(aws: pytest.MonkeyPatch) -> None:
    aws.setenv("AWS_REGION", "eu-central-1")
    results = S3ResultsStore(Bucket(make_client(), "my-bucket"), {})
    assert results.url(KEY) == f"https://my-bucket.s3.amazonaws.com/{KEY}"


def test_elsewhere_the_bucket_is_in_the_path(aws: pytest.MonkeyPatch) -> None:
    aws.setenv("AWS_REGION", "us-east-1")
    aws.setenv("AWS_ENDPOINT_URL_S3", "http://minio:9000/")
    client = make_client()
    assert S3ResultsStore(Bucket(client, "b"), {}).url(KEY) == f"http://minio:9000/b/{KEY}"
    presigned = client.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
    assert presigned.startswith("http://minio:9000/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256")


@pytest.mark.parametrize(
    ("endpoint", "amazon"),
    [
        ("https://s3.eu-central-1.amazonaws.com", True),
        ("https://s3.cn-north-1.amazonaws.com.cn/", False),
        ("http://127.0.0.1:9000", False),
        ("https://amazonaws.com.example.org", False),
    ],
)
def test_amazon_is_told_by_its_host(endpoint: str, amazon: bool) -> None:
    assert is_amazon(endpoint) is amazon


def test_an_endpoint_that_is_no_url_is_refused(aws: pytest.MonkeyPatch) -> None:
    aws.setenv("AWS_ENDPOINT_URL_S3", "no url")
    with pytest.raises(StorageRefused, match="no url"):
        make_client()


def test_an_endpoint_with_a_password_is_refused(aws: pytest.MonkeyPatch) -> None:
    aws.setenv("AWS_ENDPOINT_URL_S3", "http://ada:hunter2@minio:9000")
    with pytest.raises(StorageRefused, match="holds a user or a password") as refused:
        make_client()
    assert "hunter2" not in str(refused.value)


def test_without_credentials_the_error_says_so(aws: pytest.MonkeyPatch) -> None:
    aws.delenv("AWS_ACCESS_KEY_ID")
    aws.delenv("AWS_SECRET_ACCESS_KEY")
    aws.setenv("AWS_EC2_METADATA_DISABLED", "true")
    aws.setenv("AWS_REGION", "us-east-1")
    client = make_client()
    with pytest.raises(StorageUnavailable, match="credentials"), translated_s3_errors("storing x"):
        client.put_object(Bucket="bucket", Key="k", Body=b"")


@pytest.mark.parametrize(
    "text",
    [
        "could not connect to http://user:hunter2@host/bucket",
        "https://h/b/k?X-Amz-Credential=hunter2&X-Amz-Signature=hunter2",
        "https://h/b/k?a=b&x-amz-security-token=hunter2",
    ],
)
def test_secrets_are_taken_out_of_what_is_said(text: str) -> None:
    assert "hunter2" not in redacted(text)
    assert "***" in redacted(text)
