"""CRC-32 checksums, of bytes and of files, as S3 writes them."""

import os
from base64 import b64encode
from pathlib import Path

from isal import isal_zlib

CRC32 = "CRC32"
_PIECE = 1 << 20


def encode_crc32(crc: int) -> str:
    """A CRC-32 as S3's headers have it."""
    return b64encode(crc.to_bytes(4, "big")).decode()


def crc_of(descriptor: int, start: int, end: int) -> int:
    """Of the file's bytes from `start` to `end`, as far as there are any."""
    crc = 0
    while start < end and (piece := os.pread(descriptor, min(_PIECE, end - start), start)):
        crc = isal_zlib.crc32(piece, crc)
        start += len(piece)
    return crc


def checksum_of(path: Path) -> str:
    """Of the whole file, as `CRC32:base64`."""
    with path.open("rb") as file:
        return f"{CRC32}:{encode_crc32(crc_of(file.fileno(), 0, path.stat().st_size))}"
