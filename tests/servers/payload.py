"""What S3 checks of a request's body against the request's own words."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message

from tests.servers import aws_chunked, checksums
from tests.servers.checksums import Algorithm
from tests.servers.s3_error import S3Error

PAYLOAD_HASH = "x-amz-content-sha256"
MD5_BYTES = 16
HEX_SHA256 = re.compile(r"[0-9a-f]{64}")
STREAMING = {
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
}


@dataclass(frozen=True, slots=True)
class Payload:
    """A body that kept every promise made about it."""

    content: bytes
    algorithm: Algorithm | None
    verified: tuple[str, ...]


def verified_payload(headers: Message, body: bytes, checksum_of_body: bool = True) -> Payload:
    """The content of the body, or the S3Error with which S3 would refuse it."""
    _check_length(headers, body)
    content, trailers = _decoded(headers, body)
    fields = [*headers.items(), *trailers.items()] if checksum_of_body else []
    names: list[str] = []
    if checksum := checksums.given(fields):
        checksums.verify(*checksum, content)
        names.append(checksum[0].name)
    names += _check_md5(headers, content)
    names += _check_payload_hash(headers, content)
    return Payload(content, checksum[0] if checksum else None, tuple(names))


def corrupted(headers: Message, body: bytes) -> bytes:
    """The body with the first byte of its content changed."""
    start = body.index(b"\r\n") + 2 if _is_aws_chunked(headers) else 0
    changed = bytes(byte ^ 1 for byte in body[start : start + 1])
    return body[:start] + changed + body[start + 1 :]


def _is_aws_chunked(headers: Message) -> bool:
    return headers.get(PAYLOAD_HASH, "").startswith("STREAMING-")


def _check_length(headers: Message, body: bytes) -> None:
    stated = headers.get("Content-Length")
    if stated is not None and stated != str(len(body)):
        raise S3Error(
            "IncompleteBody",
            "You did not provide the number of bytes specified by the Content-Length HTTP header.",
        )


def _decoded(headers: Message, body: bytes) -> tuple[bytes, dict[str, str]]:
    if not _is_aws_chunked(headers):
        return body, {}
    if (kind := headers[PAYLOAD_HASH]) not in STREAMING:
        raise S3Error("NotImplemented", f"No {kind} here.", status=501)
    content, trailers = aws_chunked.decode(body)
    trailers.pop("x-amz-trailer-signature", None)
    announced = {name.strip().lower() for name in headers.get("x-amz-trailer", "").split(",")}
    if set(trailers) != announced - {""}:
        raise S3Error("MalformedTrailerError", "The trailers are not those in x-amz-trailer.")
    _check_decoded_length(headers, content)
    return content, trailers


def _check_decoded_length(headers: Message, content: bytes) -> None:
    stated = headers.get("x-amz-decoded-content-length")
    if stated is None:
        raise S3Error("MissingContentLength", "x-amz-decoded-content-length is missing.", 411)
    if stated != str(len(content)):
        raise S3Error("IncompleteBody", "The chunks don't add up to the decoded content length.")


def _check_md5(headers: Message, content: bytes) -> Iterable[str]:
    stated = headers.get("Content-MD5")
    if stated is None:
        return
    digest = checksums.decoded(stated)
    if digest is None or len(digest) != MD5_BYTES:
        raise S3Error("InvalidDigest", "The Content-MD5 you specified was invalid.")
    if digest != hashlib.md5(content).digest():
        raise S3Error("BadDigest", "The Content-MD5 you specified did not match what we received.")
    yield "content-md5"


def _check_payload_hash(headers: Message, content: bytes) -> Iterable[str]:
    stated = headers.get(PAYLOAD_HASH)
    if stated is None:
        if headers.get("Authorization", "").startswith("AWS4-"):
            raise S3Error("InvalidRequest", f"Missing required header: {PAYLOAD_HASH}")
        return
    if stated == "UNSIGNED-PAYLOAD" or stated in STREAMING:
        return
    if not HEX_SHA256.fullmatch(stated):
        raise S3Error("InvalidArgument", f"{PAYLOAD_HASH} must be a valid SHA-256 or a keyword.")
    if stated != hashlib.sha256(content).hexdigest():
        raise S3Error(
            "XAmzContentSHA256Mismatch",
            f"The provided '{PAYLOAD_HASH}' header does not match what was computed.",
        )
    yield PAYLOAD_HASH
