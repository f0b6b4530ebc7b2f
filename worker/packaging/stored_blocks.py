"""Bytes within a deflate stream as they are, for data that does not compress."""

from struct import pack

#: RFC 1951, 3.2.4: the most bytes of one block, and the bytes in front of them.
BLOCK, HEADER = 0xFFFF, 5


class StoredBlocks:
    """A buffer of stored blocks for `size` bytes, its headers in place, its `rooms` to be filled.

    None of the blocks is the stream's last, so that any number of buffers may follow each other.
    """

    def __init__(self, size: int) -> None:
        count = -(-size // BLOCK)
        self.buffer = bytearray(size + HEADER * count)
        view = memoryview(self.buffer)
        self.rooms: list[memoryview] = []
        for number in range(count):
            at = number * (BLOCK + HEADER)
            room = view[at + HEADER : at + HEADER + BLOCK]
            view[at : at + HEADER] = pack("<BHH", 0, len(room), len(room) ^ BLOCK)
            self.rooms.append(room)

    def part(self, at: int, size: int) -> bytes:
        """The content from there on, all of it there, in at most two blocks."""
        number, start = divmod(at, BLOCK)
        found = bytes(self.rooms[number][start : start + size])
        if len(found) < size:
            found += self.rooms[number + 1][: size - len(found)]
        return found
