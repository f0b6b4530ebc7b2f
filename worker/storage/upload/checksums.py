"""What S3 is told so that it can refuse wrong bytes, by what a store knows of it."""

from base64 import b64encode
from hashlib import md5
from typing import TYPE_CHECKING, Any, Protocol

from isal import isal_zlib

from worker.errors import StorageUnavailable
from worker.storage.objects.checksums import CRC32, encode_crc32
from worker.storage.upload.parts import Part

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import CompletedPartTypeDef, PartTypeDef


class Whole:
    """Size and CRC-32 of an object, from those of its parts in their order."""

    def __init__(self) -> None:
        self.size = 0
        self._crc = 0

    def add(self, part: Part) -> None:
        self.size += part.size
        self._crc = isal_zlib.crc32_combine(self._crc, part.crc, part.size)

    @property
    def crc32(self) -> str:
        """As S3's headers have it."""
        return encode_crc32(self._crc)


class Checks(Protocol):
    """Arguments for the calls of a client, as boto3 names them."""

    def for_upload(self) -> dict[str, Any]:
        """To create a multipart upload."""
        ...

    def for_part(self, part: Part) -> dict[str, Any]:
        """To send a part, or an object that is one."""
        ...

    def listed(self, number: int, part: Part) -> "CompletedPartTypeDef":
        """To name the part when the upload is completed, its ETag yet to come."""
        ...

    def for_completion(self, whole: Whole) -> dict[str, Any]: ...


class Crc32Checks:
    """A CRC-32 of every part and of the whole object: composable, and ISA-L's at 13 GB/s."""

    def for_upload(self) -> dict[str, Any]:
        return {"ChecksumAlgorithm": CRC32, "ChecksumType": "FULL_OBJECT"}

    def for_part(self, part: Part) -> dict[str, Any]:
        return {"ChecksumAlgorithm": CRC32, "ChecksumCRC32": encode_crc32(part.crc)}

    def listed(self, number: int, part: Part) -> "CompletedPartTypeDef":
        return {"PartNumber": number, "ChecksumCRC32": encode_crc32(part.crc)}

    def for_completion(self, whole: Whole) -> dict[str, Any]:
        return {
            "ChecksumCRC32": whole.crc32,
            "ChecksumType": "FULL_OBJECT",
            "MpuObjectSize": whole.size,
        }


class Md5Checks:
    """Content-MD5 of every part, which S3 has known from its first day."""

    def for_upload(self) -> dict[str, Any]:
        return {}

    def for_part(self, part: Part) -> dict[str, Any]:
        return {"ContentMD5": b64encode(_md5(part)).decode()}

    def listed(self, number: int, part: Part) -> "CompletedPartTypeDef":  # noqa: ARG002
        return {"PartNumber": number}

    def for_completion(self, whole: Whole) -> dict[str, Any]:  # noqa: ARG002
        return {}


def _md5(part: Part) -> bytes:
    digest = md5(usedforsecurity=False)
    for piece in part.pieces:
        digest.update(piece)
    return digest.digest()


def is_same(part: Part, listed: "PartTypeDef") -> bool:
    """Whether S3 has this very part already, by the checksum that it lists, or else its ETag.

    The ETag is the part's MD5 unless the object is encrypted with a key of KMS.
    """
    if listed["Size"] != part.size:
        return False
    if "ChecksumCRC32" in listed:
        return listed["ChecksumCRC32"] == encode_crc32(part.crc)
    return listed["ETag"].strip('"') == _md5(part).hex()


class OtherChecks(StorageUnavailable):
    """The store refuses these checksums, so that everything has to be sent with others."""
