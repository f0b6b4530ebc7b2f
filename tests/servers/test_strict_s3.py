import base64
import hashlib
import io
import socket
import zlib
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from awscrt import checksums as crt
from botocore.exceptions import ClientError

from tests.servers.raw import ask, aws_chunked
from tests.servers.strict_bucket import Strict, only_moto

CONTENT = bytes(range(256)) * 1000
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


def b64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


CHECKSUMS = {
    "crc32": b64(zlib.crc32(CONTENT).to_bytes(4, "big")),
    "crc32c": b64(crt.crc32c(CONTENT).to_bytes(4, "big")),
    "crc64nvme": b64(crt.crc64nvme(CONTENT).to_bytes(8, "big")),
    "sha1": b64(hashlib.sha1(CONTENT).digest()),
    "sha256": b64(hashlib.sha256(CONTENT).digest()),
}
MD5 = b64(hashlib.md5(CONTENT).digest())
every_algorithm = pytest.mark.parametrize("algorithm", CHECKSUMS)


def wrong(checksum: str) -> str:
    """Another value of the same length."""
    return b64(bytes(byte ^ 255 for byte in base64.b64decode(checksum)))


def chunked_headers(content: bytes, *trailers: str) -> dict[str, str]:
    return {
        "Content-Encoding": "aws-chunked",
        "x-amz-decoded-content-length": str(len(content)),
        "x-amz-trailer": ",".join(trailers),
    }


class TestAChecksumHeader:
    @every_algorithm
    def test_that_is_right_is_verified_and_the_object_stored(
        self, strict: Strict, algorithm: str
    ) -> None:
        answer = strict.put(CONTENT, {f"x-amz-checksum-{algorithm}": CHECKSUMS[algorithm]})
        assert answer.status == 200
        assert strict.proxy.requests[0].verified == (algorithm,)
        assert strict.stored() == {"k": CONTENT}

    @every_algorithm
    def test_that_lies_is_a_bad_digest_and_nothing_is_stored(
        self, strict: Strict, algorithm: str
    ) -> None:
        headers = {f"x-amz-checksum-{algorithm}": wrong(CHECKSUMS[algorithm])}
        answer = strict.put(CONTENT, headers)
        assert (answer.status, answer.code) == (400, "BadDigest")
        assert [refusal.refused_with for refusal in strict.proxy.refusals] == ["BadDigest"]
        assert strict.stored() == {}

    @pytest.mark.parametrize("value", ["", "%%%", "AAAA", CHECKSUMS["sha256"]])
    def test_that_is_no_such_checksum_is_an_invalid_request(
        self, strict: Strict, value: str
    ) -> None:
        answer = strict.put(CONTENT, {"x-amz-checksum-crc32": value})
        assert (answer.status, answer.code) == (400, "InvalidRequest")
        assert strict.stored() == {}

    def test_beside_another_is_an_invalid_request(self, strict: Strict) -> None:
        both = {f"x-amz-checksum-{name}": CHECKSUMS[name] for name in ("crc32", "sha256")}
        assert strict.put(CONTENT, both).code == "InvalidRequest"

    def test_of_an_algorithm_unknown_here_is_refused_not_believed(self, strict: Strict) -> None:
        answer = strict.put(CONTENT, {"x-amz-checksum-md4": MD5})
        assert (answer.status, answer.code) == (501, "NotImplemented")


class TestContentMd5:
    def test_that_is_right_is_verified(self, strict: Strict) -> None:
        assert strict.put(CONTENT, {"Content-MD5": MD5}).status == 200
        assert strict.proxy.requests[0].verified == ("content-md5",)

    def test_that_lies_is_a_bad_digest(self, strict: Strict) -> None:
        answer = strict.put(CONTENT, {"Content-MD5": wrong(MD5)})
        assert (answer.status, answer.code) == (400, "BadDigest")
        assert strict.stored() == {}

    @pytest.mark.parametrize("value", ["%%%", "AAAA"])
    def test_that_is_malformed_is_an_invalid_digest(self, strict: Strict, value: str) -> None:
        answer = strict.put(CONTENT, {"Content-MD5": value})
        assert (answer.status, answer.code) == (400, "InvalidDigest")


class TestAPayloadHash:
    def test_that_is_right_is_verified(self, strict: Strict) -> None:
        answer = strict.put(CONTENT, {}, payload_hash=hashlib.sha256(CONTENT).hexdigest())
        assert answer.status == 200
        assert strict.proxy.requests[0].verified == ("x-amz-content-sha256",)

    def test_that_lies_is_a_mismatch(self, strict: Strict) -> None:
        answer = strict.put(CONTENT, {}, payload_hash=hashlib.sha256(b"other").hexdigest())
        assert (answer.status, answer.code) == (400, "XAmzContentSHA256Mismatch")
        assert strict.stored() == {}

    def test_that_is_malformed_is_an_invalid_argument(self, strict: Strict) -> None:
        assert strict.put(CONTENT, {}, payload_hash="abc").code == "InvalidArgument"

    def test_may_be_left_out_by_saying_so(self, strict: Strict) -> None:
        assert strict.put(CONTENT, {}, payload_hash="UNSIGNED-PAYLOAD").status == 200
        assert strict.stored() == {"k": CONTENT}

    def test_of_a_kind_unknown_here_is_refused_not_believed(self, strict: Strict) -> None:
        answer = strict.put(CONTENT, {}, payload_hash="STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD")
        assert (answer.status, answer.code) == (501, "NotImplemented")

    def test_has_to_come_with_a_signature(self, strict: Strict) -> None:
        with connected(strict) as connection:
            signed = "Authorization: AWS4-HMAC-SHA256 Credential=…"
            connection.sendall(put_head(strict, "Content-Length: 0", signed))
            assert connection.recv(12) == b"HTTP/1.1 400"
        assert [refusal.refused_with for refusal in strict.proxy.refusals] == ["InvalidRequest"]


class TestAnAwsChunkedBody:
    @every_algorithm
    def test_with_a_right_trailer_is_verified_and_stored_decoded(
        self, strict: Strict, algorithm: str
    ) -> None:
        name = f"x-amz-checksum-{algorithm}"
        body = aws_chunked(CONTENT, {name: CHECKSUMS[algorithm]})
        answer = strict.put(body, chunked_headers(CONTENT, name), UNSIGNED_TRAILER)
        assert answer.status == 200
        assert strict.proxy.requests[0].verified == (algorithm,)
        assert strict.proxy.requests[0].bytes_received == len(body)
        assert strict.stored() == {"k": CONTENT}

    @every_algorithm
    def test_with_a_lying_trailer_is_a_bad_digest(self, strict: Strict, algorithm: str) -> None:
        name = f"x-amz-checksum-{algorithm}"
        body = aws_chunked(CONTENT, {name: wrong(CHECKSUMS[algorithm])})
        answer = strict.put(body, chunked_headers(CONTENT, name), UNSIGNED_TRAILER)
        assert (answer.status, answer.code) == (400, "BadDigest")
        assert strict.stored() == {}

    @only_moto  # rclone verifies the chunks' signatures too
    @pytest.mark.parametrize(("checksum", "status"), [("NhCmhg==", 200), ("AAAAAA==", 400)])
    def test_may_have_signed_chunks_and_trailers(
        self, strict: Strict, checksum: str, status: int
    ) -> None:
        body = (
            b"5;chunk-signature=0a1b\r\nhello\r\n0;chunk-signature=2c3d\r\n"
            b"x-amz-checksum-crc32:%b\r\nx-amz-trailer-signature:4e5f\r\n\r\n"
        ) % checksum.encode()
        headers = chunked_headers(b"hello", "x-amz-checksum-crc32")
        answer = strict.put(body, headers, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER")
        assert answer.status == status
        assert strict.stored() == ({"k": b"hello"} if status == 200 else {})

    def test_without_its_announced_trailer_is_malformed(self, strict: Strict) -> None:
        headers = chunked_headers(CONTENT, "x-amz-checksum-crc32")
        answer = strict.put(aws_chunked(CONTENT, {}), headers, UNSIGNED_TRAILER)
        assert (answer.status, answer.code) == (400, "MalformedTrailerError")

    def test_of_another_length_than_it_says_is_incomplete(self, strict: Strict) -> None:
        headers = chunked_headers(CONTENT + b"more")
        answer = strict.put(aws_chunked(CONTENT, {}), headers, UNSIGNED_TRAILER)
        assert (answer.status, answer.code) == (400, "IncompleteBody")

    def test_that_does_not_say_its_length_is_refused(self, strict: Strict) -> None:
        answer = strict.put(aws_chunked(CONTENT, {}), {}, UNSIGNED_TRAILER)
        assert (answer.status, answer.code) == (411, "MissingContentLength")

    @pytest.mark.parametrize("missing_bytes", [1, 2, 4, 5, 8, 20])
    def test_that_ends_early_is_incomplete(self, strict: Strict, missing_bytes: int) -> None:
        body = aws_chunked(CONTENT, {})[:-missing_bytes]
        answer = strict.put(body, chunked_headers(CONTENT), UNSIGNED_TRAILER)
        assert (answer.status, answer.code) == (400, "IncompleteBody")
        assert strict.stored() == {}


class TestTheConnection:
    def test_that_ends_before_its_content_length_had_an_incomplete_body(
        self, strict: Strict
    ) -> None:
        with connected(strict) as connection:
            connection.sendall(put_head(strict, "Content-Length: 10") + b"short")
            connection.shutdown(socket.SHUT_WR)
            answer = connection.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"<Code>IncompleteBody</Code>" in answer
        assert strict.stored() == {}

    @only_moto  # rclone wants a signature
    def test_is_told_to_continue_before_it_sends_its_body(self, strict: Strict) -> None:
        with connected(strict) as connection:
            connection.sendall(put_head(strict, "Content-Length: 7", "Expect: 100-continue"))
            assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
            connection.sendall(b"content")
            assert connection.recv(12) == b"HTTP/1.1 200"
        assert strict.stored() == {"k": b"content"}

    def test_is_kept_for_the_next_request(self, strict: Strict) -> None:
        connection = HTTPConnection(urlsplit(strict.proxy.server.endpoint).netloc)
        connection.connect()
        kept = connection.sock
        for method in ("PUT", "HEAD", "GET", "DELETE", "GET"):
            connection.request(method, f"/{strict.bucket}/k")
            connection.getresponse().read()
            assert connection.sock is kept
        connection.close()


class TestBoto3:
    def test_puts_an_object_in_its_default_mode_with_a_verified_crc32(self, strict: Strict) -> None:
        strict.client.put_object(Bucket=strict.bucket, Key="k", Body=CONTENT)
        assert strict.proxy.requests[0].verified == ("crc32", "x-amz-content-sha256")
        assert strict.stored() == {"k": CONTENT}

    @pytest.mark.parametrize("algorithm", ["CRC32", "CRC64NVME"])
    def test_puts_an_object_with_a_trailer_as_it_does_over_tls(
        self, strict: Strict, algorithm: Any
    ) -> None:
        strict.client.meta.events.register("before-call.s3.PutObject", use_a_trailer)
        strict.client.put_object(
            Bucket=strict.bucket, Key="k", Body=io.BytesIO(CONTENT), ChecksumAlgorithm=algorithm
        )
        assert strict.proxy.requests[0].verified == (algorithm.lower(),)
        assert strict.stored() == {"k": CONTENT}

    @pytest.mark.parametrize(
        ("parameters", "verified"),
        [
            ({"ChecksumCRC32": CHECKSUMS["crc32"]}, "crc32"),
            ({"ChecksumSHA256": CHECKSUMS["sha256"]}, "sha256"),
            ({"ContentMD5": MD5}, "content-md5"),
        ],
    )
    def test_puts_an_object_with_a_checksum_of_the_callers(
        self, strict: Strict, parameters: dict[str, Any], verified: str
    ) -> None:
        strict.client.put_object(Bucket=strict.bucket, Key="k", Body=CONTENT, **parameters)
        assert verified in strict.proxy.requests[0].verified
        assert strict.stored() == {"k": CONTENT}

    @pytest.mark.parametrize(
        "parameters",
        [
            {"ChecksumCRC32": wrong(CHECKSUMS["crc32"])},
            {"ChecksumSHA256": wrong(CHECKSUMS["sha256"])},
            {"ContentMD5": wrong(MD5)},
        ],
    )
    def test_raises_bad_digest_when_the_callers_checksum_is_wrong(
        self, strict: Strict, parameters: dict[str, Any]
    ) -> None:
        with pytest.raises(ClientError, match="BadDigest"):
            strict.client.put_object(Bucket=strict.bucket, Key="k", Body=CONTENT, **parameters)
        assert strict.stored() == {}

    def test_reads_heads_lists_and_deletes_through_the_proxy(self, strict: Strict) -> None:
        client, bucket, key = strict.client, strict.bucket, "a key/with ünusual+characters"
        client.put_object(Bucket=bucket, Key=key, Body=CONTENT)
        head = client.head_object(Bucket=bucket, Key=key)
        assert head["ContentLength"] == len(CONTENT)
        with client.get_object(Bucket=bucket, Key=key)["Body"] as body:
            assert body.read() == CONTENT
        assert [o["Key"] for o in client.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
        client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}]})
        with pytest.raises(ClientError, match="404"):
            client.head_object(Bucket=bucket, Key=key)
        client.delete_object(Bucket=bucket, Key=key)
        assert [(r.operation, r.key, r.status) for r in strict.proxy.requests] == [
            ("PutObject", key, 200),
            ("HeadObject", key, 200),
            ("GetObject", key, 200),
            ("ListObjectsV2", "", 200),
            ("DeleteObjects", "", 200),
            ("HeadObject", key, 404),
            ("DeleteObject", key, 204),
        ]
        assert strict.proxy.refusals == []

    def test_gets_not_modified_without_a_body(self, strict: Strict) -> None:
        etag = strict.client.put_object(Bucket=strict.bucket, Key="k", Body=CONTENT)["ETag"]
        for _ in range(2):
            with pytest.raises(ClientError, match="304"):
                strict.client.head_object(Bucket=strict.bucket, Key="k", IfNoneMatch=etag)
        path = f"/{strict.bucket}/k"
        answer = ask(strict.proxy.server, "GET", path, headers={"If-None-Match": etag})
        assert (answer.status, answer.body) == (304, b"")


def connected(strict: Strict) -> socket.socket:
    address = urlsplit(strict.proxy.server.endpoint)
    return socket.create_connection((address.hostname, address.port), timeout=10)


def put_head(strict: Strict, *fields: str) -> bytes:
    """The beginning of an unsigned put of the object k."""
    host = urlsplit(strict.proxy.server.endpoint).netloc
    lines = [f"PUT /{strict.bucket}/k HTTP/1.1", f"Host: {host}", *fields, "", ""]
    return "\r\n".join(lines).encode()


def use_a_trailer(params: dict[str, Any], **_: object) -> None:
    """boto3 sends the checksum as a trailer over TLS only; let it do so here."""
    params["context"]["checksum"]["request_algorithm"]["in"] = "trailer"
