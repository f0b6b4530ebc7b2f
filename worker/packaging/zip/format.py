"""Numbers and fixed-size records of the ZIP format, after PKWARE's APPNOTE 6.3.10.

https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

from collections.abc import Iterator
from struct import Struct
from typing import Any

#: Compression methods.
STORED, DEFLATED = 0, 8
#: The largest value of a 32-bit and of a 16-bit field; such a value means "see the Zip64 record".
MAX_32, MAX_16 = 0xFFFF_FFFF, 0xFFFF
#: Bits of a header's flags: CRC and sizes follow the data; the name is UTF-8.
SIZES_FOLLOW, UTF_8 = 1 << 3, 1 << 11
#: Kinds of extra fields: 64-bit sizes, and Info-ZIP's extended timestamp.
ZIP64, TIMESTAMP = 0x0001, 0x5455
#: The system that made an entry; for Unix, readers restore the modes.
UNIX = 3


class Record:
    """A record that begins with a signature of four bytes."""

    def __init__(self, signature: bytes, fields: str) -> None:
        """`fields` is the format of those behind the signature, as in `struct`."""
        self.signature = signature
        self._struct = Struct(f"<4s{fields}")
        self.size = self._struct.size

    def pack(self, *fields: int) -> bytes:
        return self._struct.pack(self.signature, *fields)

    def unpack(self, data: bytes) -> tuple[Any, ...]:
        """The fields behind the signature; ValueError if these bytes have another one."""
        signature, *fields = self._struct.unpack(data)
        if signature != self.signature:
            raise ValueError(f"{signature!r} is not {self.signature!r}")
        return tuple(fields)


LOCAL_HEADER = Record(b"PK\x03\x04", "5H3L2H")
CENTRAL_HEADER = Record(b"PK\x01\x02", "6H3L5H2L")
#: Follows the data of an entry whose sizes were not known before.
DESCRIPTOR, ZIP64_DESCRIPTOR = Record(b"PK\x07\x08", "3L"), Record(b"PK\x07\x08", "L2Q")
END_RECORD = Record(b"PK\x05\x06", "4H2LH")
ZIP64_END_RECORD = Record(b"PK\x06\x06", "Q2H2L4Q")
ZIP64_LOCATOR = Record(b"PK\x06\x07", "LQL")

_EXTRA_FIELD = Struct("<2H")


def extra_fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield kind and content of each field in a header's extra data; a cut-off rest is ignored."""
    at = 0
    while at + _EXTRA_FIELD.size <= len(extra):
        kind, size = _EXTRA_FIELD.unpack_from(extra, at)
        at += _EXTRA_FIELD.size
        yield kind, extra[at : at + size]
        at += size
