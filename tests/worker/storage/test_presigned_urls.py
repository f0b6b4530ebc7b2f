from datetime import UTC, datetime, timedelta

import pytest

from worker.errors import ExpiryRefused, StorageUnavailable
from worker.models.stored_object import StoredObject
from worker.storage.client import make_client_and_credentials
from worker.storage.presigned_urls import S3PresignedUrls

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN", "AWS_CREDENTIAL_EXPIRATION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


def presigned(expires_in: timedelta) -> tuple[str, datetime]:
    urls = S3PresignedUrls(*make_client_and_credentials(), bucket="b", encryption={})
    stored = StoredObject("k", 1, "etag", "STANDARD", datetime(2026, 1, 1, tzinfo=UTC))
    location = urls.to_download("bucket", stored, "k", expires_in)
    return location.url, location.expires_at


@pytest.mark.parametrize("expires_in", [timedelta(seconds=1), HOUR, 7 * DAY])
def test_credentials_without_an_end_sign_for_as_long_as_s3_allows(
    aws: pytest.MonkeyPatch, expires_in: timedelta
) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    url, expires_at = presigned(expires_in)
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in url
    assert f"X-Amz-Expires={int(expires_in.total_seconds())}" in url
    assert before + expires_in <= expires_at <= datetime.now(UTC) + expires_in


@pytest.mark.parametrize("expires_in", [timedelta(0), -HOUR, 7 * DAY + timedelta(seconds=1)])
def test_no_longer_than_s3_allows(aws: pytest.MonkeyPatch, expires_in: timedelta) -> None:
    with pytest.raises(ExpiryRefused, match="S3 allows a second to 7 days"):
        presigned(expires_in)


def expire_in(aws: pytest.MonkeyPatch, lifetime: timedelta) -> None:
    aws.setenv("AWS_SESSION_TOKEN", "token")
    aws.setenv("AWS_CREDENTIAL_EXPIRATION", (datetime.now(UTC) + lifetime).isoformat())


def test_no_longer_than_the_credentials_live_and_how_long_they_do_is_told(
    aws: pytest.MonkeyPatch,
) -> None:
    expire_in(aws, 2 * HOUR)
    assert "X-Amz-Security-Token=token" in presigned(HOUR)[0]
    with pytest.raises(
        ExpiryRefused,
        match=r"can't live 3:00:00: the credentials that sign it live 1:59:\d\d",
    ):
        presigned(3 * HOUR)


def test_credentials_that_outlive_what_s3_allows_are_no_limit(aws: pytest.MonkeyPatch) -> None:
    expire_in(aws, 30 * DAY)
    assert presigned(7 * DAY)


def test_a_session_without_a_known_end_has_the_longest_that_there_is(
    aws: pytest.MonkeyPatch,
) -> None:
    aws.setenv("AWS_SESSION_TOKEN", "token")
    assert presigned(36 * HOUR)
    with pytest.raises(ExpiryRefused, match="live 1 day, 12:00:00 at most"):
        presigned(37 * HOUR)


def test_expired_and_missing_credentials_are_told(aws: pytest.MonkeyPatch) -> None:
    expire_in(aws, -HOUR)
    with pytest.raises(StorageUnavailable, match=r"signing a URL of k: .* expired"):
        presigned(HOUR)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        aws.delenv(name)
    with pytest.raises(StorageUnavailable, match=r"signing a URL of k: .*credentials"):
        presigned(HOUR)
