"""What a broken or hostile store may answer: an error of ours, in bounded time and memory."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from itertools import count

import pytest

from tests.servers.hostile_s3 import HostileS3, answering, hostile_s3
from worker.errors import OneprefixError, StorageRefused, StorageUnavailable
from worker.models.stored_object import StoredObject
from worker.storage import client as clients
from worker.storage.answers import MAX_EMPTY_PAGES
from worker.storage.client import READ_TIMEOUT, make_client
from worker.storage.objects.bucket import Bucket

KEY = "jobs/12/2025/10/23/211500/run_4_results.zip"
SIZE = 1 << 20
WHOLE = {"ETag": '"e"', "Content_Range": f"bytes 0-{SIZE - 1}/{SIZE}"}


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> Iterator[HostileS3]:
    with hostile_s3(answering()) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.endpoint)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        yield server


@pytest.fixture
def bucket(hostile: HostileS3) -> Bucket:
    return Bucket(make_client(), "bucket")


@pytest.fixture
def found(bucket: Bucket, hostile: HostileS3) -> StoredObject:
    hostile.answer = answering(b"x" * SIZE, ETag='"e"')
    head = bucket.head(KEY)
    assert head
    hostile.requests = 0
    return head


def test_a_body_that_never_ends_is_read_to_the_known_end(
    bucket: Bucket, hostile: HostileS3, found: StoredObject
) -> None:
    def for_ever(request: BaseHTTPRequestHandler) -> None:
        request.send_response(206)
        request.send_header("ETag", '"e"')
        request.send_header("Content-Range", WHOLE["Content_Range"])
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        while not hostile.stopped.is_set():
            request.wfile.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")

    hostile.answer = for_ever
    with pytest.raises(StorageRefused, match=f"reading {KEY}: the store sends more"):
        list(bucket.read(found, 0, SIZE))


@pytest.mark.parametrize("sent", [b"", b"x"], ids=["nothing", "a byte each time"])
def test_answers_without_progress_come_to_an_end(
    bucket: Bucket, hostile: HostileS3, found: StoredObject, sent: bytes
) -> None:
    def short(request: BaseHTTPRequestHandler) -> None:
        start = request.headers["Range"].removeprefix("bytes=").partition("-")[0]
        ranges = f"bytes {start}-{SIZE - 1}/{SIZE}"
        answering(sent, status=206, ETag='"e"', Content_Range=ranges)(request)

    hostile.answer = short
    with pytest.raises(StorageUnavailable, match="bytes do not come"):
        list(bucket.read(found, 0, SIZE))
    assert hostile.requests <= 10


def listed(inside: bytes) -> bytes:
    return b"<ListBucketResult>" + inside + b"</ListBucketResult>"


def test_a_listing_of_empty_pages_comes_to_an_end(bucket: Bucket, hostile: HostileS3) -> None:
    tokens = count()

    def empty(request: BaseHTTPRequestHandler) -> None:
        token = f"<NextContinuationToken>{next(tokens)}</NextContinuationToken>".encode()
        answering(listed(b"<IsTruncated>true</IsTruncated>" + token))(request)

    hostile.answer = empty
    with pytest.raises(StorageUnavailable, match="empty and do not end"):
        list(bucket.list("jobs/12/"))
    assert hostile.requests == MAX_EMPTY_PAGES + 1


DOINGS: dict[str, Callable[[Bucket], object]] = {
    "head": lambda bucket: bucket.head(KEY),
    "list": lambda bucket: list(bucket.list("jobs/12/")),
    "incomplete": lambda bucket: list(bucket.incomplete_uploads("jobs/12/")),
    "moment": lambda bucket: bucket.moment(time.monotonic()),
}
NONSENSE = {
    "nothing": answering(),
    "a redirect to itself": answering(status=307, Location="/"),
    "a redirect without a target": answering(status=307),
    "a moved bucket": answering(
        b"<Error><Code>PermanentRedirect</Code></Error>",
        status=301,
        x_amz_bucket_region="eu-west-1",
    ),
    "no XML": answering(b"\x00\xff not XML"),
    "another document": answering(b"<html><body>404</body></html>"),
    "an element that lacks all": answering(listed(b"<Contents></Contents>")),
    "no size": answering(listed(b"<Contents><Key>jobs/12/a</Key></Contents>")),
    "a size that is none": answering(
        listed(b"<Contents><Key>jobs/12/a</Key><Size>many</Size></Contents>")
    ),
    "an upload that lacks all": answering(
        b"<ListMultipartUploadsResult><Upload></Upload></ListMultipartUploadsResult>"
    ),
    "an error without a code": answering(b"<Error></Error>", status=403),
    "an error that is no XML": answering(b"Forbidden", status=403),
    "a date that is none": answering(listed(b""), Date="yesterday", ETag='"e"'),
}


@pytest.mark.parametrize("doing", DOINGS)
@pytest.mark.parametrize("nonsense", NONSENSE)
def test_an_answer_that_makes_no_sense_is_an_error_of_ours_or_tells_nothing(
    bucket: Bucket,
    hostile: HostileS3,
    nonsense: str,
    doing: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)  # botocore's between two tries
    hostile.answer = NONSENSE[nonsense]
    with suppress(OneprefixError):
        DOINGS[doing](bucket)
    assert hostile.requests <= 20


def test_an_answer_that_hangs_is_asked_for_again_within_half_a_minute(
    hostile: HostileS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert READ_TIMEOUT <= 30
    monkeypatch.setattr(clients, "READ_TIMEOUT", 0.5)
    bucket = Bucket(make_client(), "bucket")

    def hang_once(request: BaseHTTPRequestHandler) -> None:
        if hostile.requests == 1:
            hostile.stopped.wait(20)
        else:
            answering(listed(b""))(request)

    hostile.answer = hang_once
    began = time.monotonic()
    assert list(bucket.list("jobs/12/")) == []
    assert time.monotonic() - began < 10
