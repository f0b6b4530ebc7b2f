"""The checksums of an object, computed while its parts pass by."""

import hashlib
from base64 import b64encode
from typing import Final

from isal import isal_zlib

#: S3's name of the one that it checks for every part and for the whole object.
ALGORITHM: Final = "CRC32"


def encoded(crc: int) -> str:
    """A CRC-32 as S3's headers have it."""
    return b64encode(crc.to_bytes(4, "big")).decode()


class Checksums:
    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._crc = 0
        self.size = 0

    def add(self, part: bytes) -> str:
        """The part's own CRC-32, as S3's headers have it."""
        crc = isal_zlib.crc32(part)
        self._crc = isal_zlib.crc32_combine(self._crc, crc, len(part))
        self._sha256.update(part)
        self.size += len(part)
        return encoded(crc)

    @property
    def crc32(self) -> str:
        """Of the whole object, as S3's headers have it."""
        return encoded(self._crc)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()
