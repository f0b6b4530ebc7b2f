"""The checksums that a client states, computed while its bytes pass by."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field

from isal import isal_zlib

PREFIX = "x-amz-checksum-"
PAYLOAD_HASH = "x-amz-content-sha256"
_HASH = re.compile("[0-9a-f]{64}")
#: With their sizes in bytes.
_CRCS = {"crc32c": 4, "crc64nvme": 8}


class BadDigest(Exception):
    """The bytes that arrived are not those that a checksum speaks of."""


def encoded(value: int, size: int = 4) -> str:
    """A CRC as S3's headers have it."""
    return b64encode(value.to_bytes(size, "big")).decode()


def _crc(name: str, piece: memoryview, so_far: int) -> int:
    # imported by the sink alone: what is measured must not find it, see no_crt.py
    from awscrt import checksums  # noqa: PLC0415

    return int(getattr(checksums, name)(piece, so_far))


@dataclass(slots=True)
class Checksums:
    """The CRC-32 always, and whatever else the headers say that the client will state."""

    headers: Mapping[str, str]
    hashing: bool = True
    """Whether a SHA-256 of the payload is verified too, which takes more than all the rest."""
    crc32: int = 0
    size: int = 0
    _others: dict[str, int] = field(default_factory=dict)
    _sha256: "hashlib._Hash | None" = None

    def __post_init__(self) -> None:
        announced = {*self.headers, self.headers.get("x-amz-trailer", "").lower()}
        self._others = {name: 0 for name in _CRCS if PREFIX + name in announced}
        if PREFIX + "sha256" in announced or self._hashed:
            self._sha256 = hashlib.sha256()

    @property
    def _hashed(self) -> bool:
        return self.hashing and bool(_HASH.fullmatch(self.headers.get(PAYLOAD_HASH, "")))

    def add(self, piece: memoryview) -> None:
        self.crc32 = isal_zlib.crc32(piece, self.crc32)
        self.size += len(piece)
        for name, value in self._others.items():
            self._others[name] = _crc(name, piece, value)
        if self._sha256:
            self._sha256.update(piece)

    def verify(self, trailers: Mapping[str, str]) -> None:
        """BadDigest unless every checksum in headers and trailers is these bytes'."""
        found = {PREFIX + "crc32": encoded(self.crc32)}
        found |= {PREFIX + name: encoded(v, _CRCS[name]) for name, v in self._others.items()}
        if self._sha256:
            found[PREFIX + "sha256"] = b64encode(self._sha256.digest()).decode()
            if self._hashed:
                found[PAYLOAD_HASH] = self._sha256.hexdigest()
        stated = {**self.headers, **trailers}
        for name, value in found.items():
            if stated.get(name, value) != value:
                raise BadDigest(f"{name} is {value}, not {stated[name]}")
