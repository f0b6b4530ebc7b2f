"""Bytes within a deflate stream as they are, for data that does not compress."""

from struct import Struct

#: RFC 1951, 3.2.4: the most bytes of one block.
BLOCK = 0xFFFF
_HEADER = Struct("<BHH")
HEADER = _HEADER.size


def stored_blocks(data: memoryview) -> bytes:
    """The data in stored blocks, none of them the stream's last: others may follow."""
    pieces: list[bytes | memoryview] = []
    for at in range(0, len(data), BLOCK):
        block = data[at : at + BLOCK]
        pieces += _HEADER.pack(0, len(block), len(block) ^ BLOCK), block
    return b"".join(pieces)
