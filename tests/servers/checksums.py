"""S3's object checksums: of bytes, and of an object made of parts."""

import base64
import binascii
import hashlib
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

from awscrt import checksums as crt

from tests.servers.s3_error import S3Error

PREFIX = "x-amz-checksum-"
NOT_CHECKSUMS = {"algorithm", "type", "mode"}
FULL_OBJECT, COMPOSITE = "FULL_OBJECT", "COMPOSITE"


@dataclass(frozen=True, slots=True)
class Algorithm:
    name: str
    size: int
    digest: Callable[[bytes], bytes]
    types: tuple[str, ...] = (COMPOSITE,)  # that an upload may have, its default first
    # Of two neighbours and the length of the second; only CRCs can do that.
    joined: Callable[[bytes, bytes, int], bytes] | None = None


def _crc(
    name: str,
    size: int,
    crc: Callable[[bytes], int],
    combine: Callable[[int, int, int], int],
    types: tuple[str, ...] = (COMPOSITE, FULL_OBJECT),
) -> Algorithm:
    def digest(content: bytes) -> bytes:
        return crc(content).to_bytes(size, "big")

    def joined(left: bytes, right: bytes, right_length: int) -> bytes:
        both = combine(int.from_bytes(left, "big"), int.from_bytes(right, "big"), right_length)
        return both.to_bytes(size, "big")

    return Algorithm(name, size, digest, types, joined)


ALGORITHMS = {
    algorithm.name: algorithm
    for algorithm in (
        _crc("crc32", 4, zlib.crc32, crt.combine_crc32),
        _crc("crc32c", 4, crt.crc32c, crt.combine_crc32c),
        _crc("crc64nvme", 8, crt.crc64nvme, crt.combine_crc64nvme, (FULL_OBJECT,)),
        Algorithm("sha1", 20, lambda content: hashlib.sha1(content).digest()),
        Algorithm("sha256", 32, lambda content: hashlib.sha256(content).digest()),
    )
}


def named(name: str) -> Algorithm:
    """The algorithm of that name; one unknown here is refused, never believed."""
    try:
        return ALGORITHMS[name.lower()]
    except KeyError:
        raise S3Error("NotImplemented", f"No {name} checksums here.", status=501) from None


def given(fields: Iterable[tuple[str, str]]) -> tuple[Algorithm, str] | None:
    """The one checksum among headers and trailers, still in its base64."""
    found = [
        (named(name.lower().removeprefix(PREFIX)), value)
        for name, value in fields
        if name.lower().startswith(PREFIX)
        and name.lower().removeprefix(PREFIX) not in NOT_CHECKSUMS
    ]
    if len(found) > 1:
        raise S3Error("InvalidRequest", "Expecting a single x-amz-checksum- header.")
    return found[0] if found else None


def verify(algorithm: Algorithm, value: str, content: bytes) -> None:
    """Refuse a base64 value that is malformed, or not this content's checksum."""
    if parsed(algorithm, value) != algorithm.digest(content):
        raise mismatch(algorithm)


def parsed(algorithm: Algorithm, value: str) -> bytes:
    digest = decoded(value)
    if digest is None or len(digest) != algorithm.size:
        raise S3Error("InvalidRequest", f"Value for {PREFIX}{algorithm.name} header is invalid.")
    return digest


def decoded(value: str) -> bytes | None:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None


def mismatch(algorithm: Algorithm) -> S3Error:
    name = algorithm.name.upper()
    return S3Error("BadDigest", f"The {name} you specified did not match what we calculated.")


def full_object(algorithm: Algorithm, parts: Sequence[tuple[bytes, int]]) -> str:
    """The checksum of the joined bytes, from each part's own and its length."""
    join = algorithm.joined
    if join is None:
        raise ValueError(f"{algorithm.name} can't be joined")
    whole, _ = reduce(lambda left, right: (join(left[0], *right), right[1]), parts)
    return base64.b64encode(whole).decode()


def composite(algorithm: Algorithm, parts: Sequence[tuple[bytes, int]]) -> str:
    """The checksum of the parts' checksums, with the number of parts."""
    digest = algorithm.digest(b"".join(checksum for checksum, _ in parts))
    return f"{base64.b64encode(digest).decode()}-{len(parts)}"
