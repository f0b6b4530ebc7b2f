import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError

from tests.servers.faults import (
    Action,
    AnswerError,
    CorruptBody,
    DropAnswer,
    Hang,
    ResetConnection,
    S3Request,
)
from tests.servers.raw import ask, aws_chunked
from tests.servers.s3 import S3Server
from tests.servers.strict_bucket import Strict
from tests.servers.strict_s3 import strict_s3


def is_put(request: S3Request) -> bool:
    return request.operation == "PutObject"


@pytest.fixture
def put(strict: Strict) -> Callable[[], object]:
    return lambda: strict.client.put_object(Bucket=strict.bucket, Key="k", Body=b"content")


def test_an_error_is_answered_and_the_upstream_never_asked(
    strict: Strict, put: Callable[[], object]
) -> None:
    strict.proxy.fault(is_put, AnswerError(503, "SlowDown"))
    with pytest.raises(ClientError, match="SlowDown") as caught:
        put()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert [(r.status, r.refused_with) for r in strict.proxy.refusals] == [(503, "SlowDown")]
    assert strict.stored() == {}


def test_an_error_answered_to_a_head_has_no_body(strict: Strict) -> None:
    strict.proxy.fault(lambda request: request.method == "HEAD", AnswerError(500, "InternalError"))
    for _ in range(2):
        with pytest.raises(ClientError, match="500"):
            strict.client.head_object(Bucket=strict.bucket, Key="k")


def test_a_reset_connection_has_no_answer_and_no_effect(
    strict: Strict, put: Callable[[], object]
) -> None:
    strict.proxy.fault(is_put, ResetConnection())
    with pytest.raises((ConnectionClosedError, HTTPClientError)):
        put()
    assert [r.status for r in strict.proxy.requests] == [None]
    assert strict.stored() == {}


def test_a_dropped_answer_leaves_the_work_done(strict: Strict, put: Callable[[], object]) -> None:
    strict.proxy.fault(is_put, DropAnswer())
    with pytest.raises((ConnectionClosedError, HTTPClientError)):
        put()
    assert [(r.status, r.fault) for r in strict.proxy.requests] == [(200, DropAnswer())]
    assert strict.stored() == {"k": b"content"}


def test_a_request_that_hangs_is_answered_later(strict: Strict, put: Callable[[], object]) -> None:
    strict.proxy.fault(is_put, Hang(seconds=0.5))
    started = time.monotonic()
    put()
    assert time.monotonic() - started >= 0.5
    assert strict.stored() == {"k": b"content"}


def test_a_request_that_hangs_does_not_hold_up_the_end(moto: S3Server) -> None:
    here = threading.Event()

    def first_seen(_: S3Request) -> bool:
        here.set()
        return True

    with ThreadPoolExecutor(1) as pool:
        with strict_s3(moto) as proxy:
            proxy.fault(first_seen, Hang(seconds=600))
            asked = pool.submit(ask, proxy.server, "GET", "/")
            assert here.wait(10)
        with pytest.raises(ConnectionError):
            asked.result(timeout=10)


def test_a_byte_corrupted_on_the_way_is_a_bad_digest(
    strict: Strict, put: Callable[[], object]
) -> None:
    strict.proxy.fault(is_put, CorruptBody())
    with pytest.raises(ClientError, match="BadDigest"):
        put()
    assert strict.stored() == {}


def test_a_byte_corrupted_with_no_checksum_to_tell_is_stored(strict: Strict) -> None:
    strict.proxy.fault(is_put, CorruptBody())
    assert strict.put(b"content", {}).status == 200
    assert strict.stored() == {"k": b"bontent"}


def test_a_byte_is_corrupted_within_a_chunk_not_in_its_frame(strict: Strict) -> None:
    strict.proxy.fault(is_put, CorruptBody())
    headers = {"x-amz-decoded-content-length": "7", "Content-Encoding": "aws-chunked"}
    body = aws_chunked(b"content", {})
    assert strict.put(body, headers, "STREAMING-UNSIGNED-PAYLOAD-TRAILER").status == 200
    assert strict.stored() == {"k": b"bontent"}


@pytest.mark.parametrize("fault", [AnswerError(503, "SlowDown"), ResetConnection(), CorruptBody()])
def test_a_fault_can_end_after_the_first_matches(
    strict: Strict, put: Callable[[], object], fault: Action
) -> None:
    strict.proxy.fault(is_put, fault, times=2)
    for _ in range(2):
        with pytest.raises((ClientError, HTTPClientError)):
            put()
    put()
    assert [r.fault for r in strict.proxy.requests] == [fault, fault, None]
    assert [r.count for r in strict.proxy.requests] == [1, 2, 3]


def test_a_fault_can_choose_one_part_the_first_time(strict: Strict) -> None:
    created = strict.client.create_multipart_upload(Bucket=strict.bucket, Key="k")

    def send(number: int) -> object:
        return strict.client.upload_part(
            Bucket=strict.bucket,
            Key="k",
            UploadId=created["UploadId"],
            PartNumber=number,
            Body=b"content",
        )

    strict.proxy.fault(lambda r: r.part_number == 2 and r.count == 1, AnswerError(500, "Oops"))
    send(1)
    with pytest.raises(ClientError, match="Oops"):
        send(2)
    send(2)
    assert [(r.part_number, r.count) for r in strict.proxy.refusals] == [(2, 1)]


def test_a_limited_fault_is_shared_out_exactly_among_threads(strict: Strict) -> None:
    strict.proxy.fault(lambda r: r.operation == "ListObjectsV2", AnswerError(503, "Oops"), times=10)
    path = f"/{strict.bucket}?list-type=2"
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, strict.proxy.server, "GET", path) for _ in range(40)]
    answers = [answer.result().status for answer in asked]
    assert sorted(answers) == [200] * 30 + [503] * 10
    assert sorted(r.count for r in strict.proxy.requests) == list(range(1, 41))
