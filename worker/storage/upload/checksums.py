"""Checksums sent with requests, so that S3 refuses bytes that changed on the way.

CRC-32 where the store knows it, of each part and of the whole object; Content-MD5 as a fallback.
"""

from base64 import b64encode
from hashlib import md5
from typing import TYPE_CHECKING, Any

from isal import isal_zlib

from worker.errors import StorageUnavailable
from worker.models.artifact import Artifact
from worker.storage.objects.checksums import CRC32, encode_crc32
from worker.storage.upload.parts import Part

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import CompletedPartTypeDef, PartTypeDef


class WholeObject:
    """Size and CRC-32 of an object, combined from those of its parts in their order."""

    def __init__(self) -> None:
        self.size = 0
        """Bytes of the parts added so far."""
        self._crc = 0

    def add(self, part: Part) -> None:
        self.size += part.size
        self._crc = isal_zlib.crc32_combine(self._crc, part.crc, part.size)

    @property
    def crc32(self) -> str:
        """Base64, as in S3's headers."""
        return encode_crc32(self._crc)

    def artifact(self, key: str, sha256: str | None = None) -> Artifact:
        """The object as it will stand under the key. `sha256`: of the whole, hexadecimal."""
        return Artifact(key, self.size, f"{CRC32}:{self.crc32}", sha256)


class Crc32Checksums:
    """CRC-32 of every part and of the whole object. ISA-L computes 13 GB/s.

    Its methods give arguments of a client's calls, as boto3 names them.
    """

    def for_creation(self) -> dict[str, Any]:
        """Arguments to create a multipart upload."""
        return {"ChecksumAlgorithm": CRC32, "ChecksumType": "FULL_OBJECT"}

    def for_part(self, part: Part) -> dict[str, Any]:
        """Arguments to send a part, or an object of one part."""
        return {"ChecksumAlgorithm": CRC32, "ChecksumCRC32": encode_crc32(part.crc)}

    def listed(self, number: int, part: Part) -> "CompletedPartTypeDef":
        """The part's entry in the request that completes the upload; its ETag is yet to come."""
        return {"PartNumber": number, "ChecksumCRC32": encode_crc32(part.crc)}

    def for_completion(self, whole: WholeObject) -> dict[str, Any]:
        """Arguments to complete a multipart upload."""
        return {
            "ChecksumCRC32": whole.crc32,
            "ChecksumType": "FULL_OBJECT",
            "MpuObjectSize": whole.size,
        }


class Md5Checksums:
    """Content-MD5 of every part, which every S3 implementation knows."""

    def for_creation(self) -> dict[str, Any]:
        return {}

    def for_part(self, part: Part) -> dict[str, Any]:
        return {"ContentMD5": b64encode(_md5(part)).decode()}

    def listed(self, number: int, part: Part) -> "CompletedPartTypeDef":  # noqa: ARG002
        return {"PartNumber": number}

    def for_completion(self, whole: WholeObject) -> dict[str, Any]:  # noqa: ARG002
        return {}


RequestChecksums = Crc32Checksums | Md5Checksums


def _md5(part: Part) -> bytes:
    digest = md5(usedforsecurity=False)
    for piece in part.pieces:
        digest.update(piece)
    return digest.digest()


def is_stored(part: Part, listed: "PartTypeDef") -> bool:
    """Whether the part that S3 lists is this very one, by its checksum or else by its ETag.

    The ETag is the part's MD5 unless a KMS key encrypts the object.
    """
    if listed["Size"] != part.size:
        return False
    if "ChecksumCRC32" in listed:
        return listed["ChecksumCRC32"] == encode_crc32(part.crc)
    return listed["ETag"].strip('"') == _md5(part).hex()


class ChecksumsRefused(StorageUnavailable):
    """The store refuses CRC-32, so that the next attempt sends everything anew, with MD5."""
