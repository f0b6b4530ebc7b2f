"""Parts go along a way of ours; whatever comes of it, it is as if boto3 had sent them."""

import os
from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.compat import HTTPHeaders

from tests.fakes.results import FakePackage
from tests.servers.faults import AnswerError, DropAnswer, ResetConnection
from tests.servers.strict_bucket import Strict
from tests.worker.storage.conftest import RecordedAttempt, store
from tests.worker.storage.upload.test_results_store import KEY, LARGER, PREFIX, RUN
from worker.storage.client import make_client
from worker.storage.upload import fast_part_requests as part_requests
from worker.storage.upload.checksums import Crc32Checksums, Md5Checksums, RequestChecksums
from worker.storage.upload.fast_part_requests import PartRequests
from worker.storage.upload.part_body import PartBody
from worker.storage.upload.parts import Part
from worker.storage.upload.results_store import S3ResultsStore

AUTHORIZATION = "AWS4-HMAC-SHA256 Credential=AKID/20251023/eu-west-1/s3/aws4_request, …"
CONTENT = b"1.0,2.0\n" * 100
UPLOAD_ID = "an id/with=signs+and~more."


def upload(results: S3ResultsStore, attempt: RecordedAttempt) -> None:
    store(results, PREFIX, RUN, FakePackage(LARGER), attempt)


def sent(strict: Strict) -> list[int]:
    """The parts' numbers, once for each request."""
    parts = [each for each in strict.proxy.requests if each.operation == "UploadPart"]
    return sorted(each.part_number or 0 for each in parts)


def test_boto3_is_not_asked_for_parts_that_arrive(
    strict: Strict,
    results: S3ResultsStore,
    attempt: RecordedAttempt,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(results._bucket.client, "upload_part", None)
    upload(results, attempt)
    assert strict.stored() == {KEY: LARGER}
    assert sent(strict) == [1, 2, 3]
    assert strict.proxy.refusals == []


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize(
    "action",
    [
        AnswerError(503, "SlowDown"),
        AnswerError(403, "AccessDenied"),
        ResetConnection(),
        DropAnswer(),
    ],
    ids=["503", "403", "reset", "no answer"],
)
def test_a_part_that_does_not_arrive_at_once_is_left_to_boto3(
    strict: Strict,
    results: S3ResultsStore,
    attempt: RecordedAttempt,
    action: Any,
    number: int,
) -> None:
    strict.proxy.fault(lambda request: request.part_number == number, action, times=1)
    upload(results, attempt)
    assert strict.stored() == {KEY: LARGER}
    assert sent(strict) == sorted([1, 2, 3, number])


def test_without_what_is_private_to_botocore_all_is_left_to_boto3(
    strict: Strict,
    results: S3ResultsStore,
    attempt: RecordedAttempt,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gone(*_: object) -> None:
        raise AttributeError

    monkeypatch.setattr(part_requests, "S3SigV4Auth", gone)
    upload(results, attempt)
    assert strict.stored() == {KEY: LARGER}
    assert sent(strict) == [1, 2, 3]


class Captured:
    """Connections that lead nowhere: what would have been sent, and an answer to it."""

    def __init__(self) -> None:
        self.requests: list[AWSPreparedRequest] = []

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        self.requests.append(request)
        headers = HTTPHeaders()
        headers["ETag"] = "e"
        return AWSResponse(request.url, 200, headers, Begun())

    def close(self) -> None: ...


class Begun:
    """The body of an answer to any request, which that of CreateMultipartUpload needs."""

    def stream(self) -> Iterator[bytes]:
        yield b"<InitiateMultipartUploadResult><UploadId>u</UploadId>"
        yield b"</InitiateMultipartUploadResult>"


def facts(request: AWSPreparedRequest) -> dict[str, Any]:
    """What matters of a request, without what differs by chance or by the moment."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    headers = {n: v.decode() if isinstance(v, bytes) else v for n, v in headers.items()}
    url = urlsplit(request.url)
    algorithm, credential = headers["authorization"].split()[:2]
    names = (
        "content-length",
        "content-md5",
        "x-amz-checksum-crc32",
        "x-amz-content-sha256",
        "x-amz-sdk-checksum-algorithm",
        "x-amz-security-token",
    )
    return {
        "method": request.method,
        "host": (url.scheme, url.netloc),
        "path": url.path,
        "query": parse_qs(url.query),
        "signed": (algorithm, credential),
    } | {name: headers.get(name) for name in names}


@pytest.mark.parametrize("checks", [Crc32Checksums(), Md5Checksums()], ids=["crc", "md5"])
@pytest.mark.parametrize("bucket", ["results", "results.with.dots"])
@pytest.mark.parametrize(
    "environment",
    [
        {"AWS_REGION": "eu-central-1"},
        {"AWS_REGION": "us-east-1"},
        {"AWS_REGION": "cn-north-1"},
        {"AWS_REGION": "eu-central-1", "AWS_SESSION_TOKEN": "a token"},
        {"AWS_REGION": "us-west-2", "AWS_USE_DUALSTACK_ENDPOINT": "true"},
        {"AWS_REGION": "us-west-2", "AWS_USE_FIPS_ENDPOINT": "true"},
        {"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL_S3": "http://minio:9000"},
        {"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL_S3": "https://store.example/below"},
    ],
    ids=["eu", "us", "china", "token", "dualstack", "fips", "http", "https"],
)
def test_a_request_is_the_one_that_boto3_makes(
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    bucket: str,
    checks: RequestChecksums,
) -> None:
    for name in list(filter(lambda name: name.startswith("AWS_"), os.environ)):
        monkeypatch.delenv(name)
    keys = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "hunter2"}
    for name, value in (keys | environment | {"AWS_CONFIG_FILE": "/dev/null"}).items():
        monkeypatch.setenv(name, value)
    client, key = make_client(), "jobs/12/2025/10/23/211500/inputs/a b+c=ä~.zip"
    captured = client._endpoint.http_session = Captured()  # type: ignore[attr-defined]
    part = Part()
    part.add(memoryview(CONTENT))

    def body() -> PartBody:
        return PartBody(part, lambda size: None)

    client.create_multipart_upload(Bucket=bucket, Key=key)
    requests = PartRequests(client, captured.requests.pop())
    assert requests.put(UPLOAD_ID, 7, body(), checks.for_part(part)) == "e"
    client.upload_part(
        Bucket=bucket,
        Key=key,
        UploadId=UPLOAD_ID,
        PartNumber=7,
        Body=body(),  # type: ignore[arg-type]
        **checks.for_part(part),
    )
    ours, botos = map(facts, captured.requests)
    hashed = ours.pop("x-amz-content-sha256"), botos.pop("x-amz-content-sha256")
    assert ours == botos
    if ours["host"][0] == "https":  # where boto3 hashes what comes with a CRC of the caller's
        assert hashed[0] == "UNSIGNED-PAYLOAD"
    else:
        assert hashed[0] == hashed[1] == sha256(CONTENT).hexdigest()


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "AWS4-ECDSA-P256-SHA256 Credential=AKID/20251023/s3/aws4_request, …"},
        {"Authorization": "AWS AKID:signature"},
        {"Authorization": AUTHORIZATION, "x-amz-s3session-token": "express"},
        {},
    ],
    ids=["4a", "2", "express", "unsigned"],
)
def test_what_is_signed_otherwise_is_left_to_boto3(headers: dict[str, str]) -> None:
    url = "https://store.example/b/k?uploads"
    creation = AWSRequest("POST", url, headers).prepare()
    requests = PartRequests(make_client(), creation)
    assert requests.put(UPLOAD_ID, 1, PartBody(Part(), lambda size: None), {}) is None
