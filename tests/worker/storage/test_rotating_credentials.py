"""A credentials file that is replaced while a worker runs."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.servers.faults import AnswerError, S3Request
from tests.servers.strict_bucket import Strict
from worker.errors import OneprefixError, StorageRefused, StorageUnavailable
from worker.storage.client import make_client
from worker.storage.errors import translated_s3_errors
from worker.storage.objects.bucket import Bucket
from worker.storage.rotating_credentials import RotatingCredentials

OLD, NEW = "AKIDOLD", "AKIDNEW"


def write(file: Path, key: str) -> None:
    file.write_text(
        f"[default]\naws_access_key_id = {key}\naws_secret_access_key = s\naws_session_token = t\n"
    )


@pytest.fixture
def file(strict: Strict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The credentials file of this process, which has no others."""
    for name, value in strict.proxy.server.environment().items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    write(tmp_path / "credentials", OLD)
    return tmp_path / "credentials"


@pytest.fixture(params=["moto"])
def upstream(request: pytest.FixtureRequest) -> object:
    return request.getfixturevalue(request.param)


def is_old(request: S3Request) -> bool:
    return request.access_key == OLD


@pytest.mark.parametrize(
    "answer", [AnswerError(400, "ExpiredToken"), AnswerError(403, "InvalidAccessKeyId")]
)
def test_a_replaced_file_is_read_once_its_old_keys_are_refused(
    strict: Strict, file: Path, answer: AnswerError
) -> None:
    client = make_client(8)
    client.put_object(Bucket=strict.bucket, Key="a", Body=b"1")
    strict.proxy.fault(is_old, answer)
    write(file, NEW)
    with ThreadPoolExecutor(8) as threads:  # all of them were signed with the old ones, or some
        list(
            threads.map(
                lambda n: client.put_object(Bucket=strict.bucket, Key=f"b{n}", Body=b"2"), range(16)
            )
        )
    client.head_object(Bucket=strict.bucket, Key="a")
    assert strict.proxy.requests[-1].access_key == NEW
    client.close()


def test_a_head_is_asked_again_though_its_answer_names_no_code(strict: Strict, file: Path) -> None:
    client = make_client()
    strict.proxy.fault(is_old, AnswerError(403, "InvalidAccessKeyId"))
    write(file, NEW)
    bucket = Bucket(client, strict.bucket)
    assert bucket.head("nothing") is None
    client.close()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (AnswerError(400, "ExpiredToken"), StorageUnavailable),
        (AnswerError(403, "InvalidAccessKeyId"), StorageUnavailable),
        (AnswerError(403, "AccessDenied"), StorageRefused),
    ],
)
def test_without_new_ones_the_answer_counts_and_they_are_looked_up_once(
    strict: Strict,
    file: Path,
    answer: AnswerError,
    error: type[OneprefixError],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = make_client()
    looks = []
    found = RotatingCredentials._found

    def looking(credentials: RotatingCredentials) -> object:
        looks.append(credentials)
        return found(credentials)

    monkeypatch.setattr(RotatingCredentials, "_found", looking)
    strict.proxy.fault(is_old, answer)
    for _ in range(3):
        with pytest.raises(error), translated_s3_errors("storing x"):
            client.put_object(Bucket=strict.bucket, Key="a", Body=b"1")
    assert len(looks) == (0 if error is StorageRefused else 1)
    client.close()
