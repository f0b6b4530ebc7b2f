"""Numbers and fixed-size records of the ZIP format, after PKWARE's APPNOTE 6.3.10.

https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

from collections.abc import Iterator
from struct import Struct

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

LOCAL_SIGNATURE, LOCAL_HEADER = b"PK\x03\x04", Struct("<4s5H3L2H")
CENTRAL_SIGNATURE, CENTRAL_HEADER = b"PK\x01\x02", Struct("<4s6H3L5H2L")
END_SIGNATURE, END_RECORD = b"PK\x05\x06", Struct("<4s4H2LH")
ZIP64_LOCATOR_SIGNATURE, ZIP64_LOCATOR = b"PK\x06\x07", Struct("<4sLQL")
ZIP64_END_SIGNATURE, ZIP64_END_RECORD = b"PK\x06\x06", Struct("<4sQ2H2L4Q")
#: A descriptor follows the data of an entry whose sizes were not known before.
DESCRIPTOR_SIGNATURE = b"PK\x07\x08"
DESCRIPTOR, ZIP64_DESCRIPTOR = Struct("<4s3L"), Struct("<4sL2Q")

_EXTRA_FIELD = Struct("<2H")


def extra_fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield kind and content of each field in a header's extra data; a cut-off rest is ignored."""
    at = 0
    while at + _EXTRA_FIELD.size <= len(extra):
        kind, size = _EXTRA_FIELD.unpack_from(extra, at)
        at += _EXTRA_FIELD.size
        yield kind, extra[at : at + size]
        at += size
