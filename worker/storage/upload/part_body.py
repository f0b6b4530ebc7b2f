"""A part as the body of a request: read to be signed, then sent as it is, again for every try."""

from collections.abc import Callable
from typing import Any

from worker.storage.upload.parts import Part


class GivenUp(BaseException):
    """Ends a request from within; no Exception, since botocore would send it again."""


class PartBody:
    """A file for botocore. `before_piece` is called before each piece that travels, with its
    length, and may wait or raise.
    """

    def __init__(self, part: Part, before_piece: Callable[[int], None]) -> None:
        self._part = part
        self._before_piece = before_piece
        self._piece = 0
        self._offset = 0
        self._travels = False

    def __len__(self) -> int:
        return self._part.size

    def read(self, size: int = -1) -> memoryview | bytes:
        """The next bytes, `size` at most; but once it travels the next piece whole, since
        http.client asks for 16 KiB at a time and then sends whatever it gets.
        """
        if self._piece == len(self._part.pieces):
            return b""
        piece = self._part.pieces[self._piece]
        if self._travels:
            self._piece += 1
            self._before_piece(len(piece))
            return piece
        found = piece[self._offset : self._offset + size if size >= 0 else None]
        self._offset += len(found)
        if self._offset == len(piece):
            self._piece, self._offset = self._piece + 1, 0
        return found

    def tell(self) -> int:
        return sum(map(len, self._part.pieces[: self._piece])) + self._offset

    def seek(self, offset: int, whence: int = 0) -> int:
        """To the beginning or to the end; botocore goes nowhere else."""
        self._piece = 0 if (offset, whence) == (0, 0) else len(self._part.pieces)
        self._offset = 0
        self._travels = False
        return self.tell()

    def travel(self) -> None:
        """Its request has been signed and leaves now."""
        self._travels = True

    @staticmethod
    def before_send(request: Any, **_: Any) -> None:
        """For botocore's event of that name."""
        if isinstance(request.body, PartBody):
            request.body.travel()
