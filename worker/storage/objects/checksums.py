"""CRC-32 checksums of files, and the form in which S3 writes them."""

import os
from base64 import b64encode
from pathlib import Path

from isal import isal_zlib

CRC32 = "CRC32"
_PIECE = 1 << 20


def encode_crc32(crc: int) -> str:
    """The CRC-32 as S3's headers have it: base64 of its four bytes."""
    return b64encode(crc.to_bytes(4, "big")).decode()


def crc_of(descriptor: int, start: int, end: int) -> int:
    """The CRC-32 of the file's bytes from `start` up to `end`, or to the end of the file."""
    crc = 0
    while start < end and (piece := os.pread(descriptor, min(_PIECE, end - start), start)):
        crc = isal_zlib.crc32(piece, crc)
        start += len(piece)
    return crc


def checksum_of(path: Path) -> str:
    """The CRC-32 of the whole file, as `CRC32:base64`."""
    with path.open("rb") as file:
        return f"{CRC32}:{encode_crc32(crc_of(file.fileno(), 0, path.stat().st_size))}"
