"""A part as the body of a request: read once to be signed, then sent, again for every retry."""

from collections.abc import Callable
from typing import Any

from worker.storage.upload.parts import Part


class SendingStopped(BaseException):
    """Ends a request from within. Not an Exception, which botocore would take for a retry."""


class PartBody:
    """The file-like body that botocore reads.

    `before_piece` is called with the length of each piece before the piece is sent; it may wait, or
    raise SendingStopped. Before all are sent again, it is called with their negative sum.
    """

    def __init__(self, part: Part, before_piece: Callable[[int], None]) -> None:
        self._part = part
        self._before_piece = before_piece
        self._piece = 0
        self._offset = 0
        self._is_sent = False
        self._sent = 0
        """Bytes that `before_piece` was told of."""

    def __len__(self) -> int:
        return self._part.size

    def read(self, size: int = -1) -> memoryview | bytes:
        """The next bytes: all that are left without a `size`, else at most so many.

        While the request is sent, the next piece whole, whatever the `size`: http.client asks for
        16 KiB at a time, and sends whatever it gets.
        """
        if self._piece == len(self._part.pieces):
            return b""
        if size < 0:
            return b"".join(iter(lambda: self.read(self._part.size), b""))
        piece = self._part.pieces[self._piece]
        if self._is_sent:
            self._piece += 1
            self._before_piece(len(piece))
            self._sent += len(piece)
            return piece
        found = piece[self._offset : self._offset + size]
        self._offset += len(found)
        if self._offset == len(piece):
            self._piece, self._offset = self._piece + 1, 0
        return found

    def tell(self) -> int:
        return sum(map(len, self._part.pieces[: self._piece])) + self._offset

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to the beginning or to the end; botocore asks for no other place."""
        self._piece = 0 if (offset, whence) == (0, 0) else len(self._part.pieces)
        self._offset = 0
        self._is_sent = False
        if self._sent:
            self._before_piece(-self._sent)
            self._sent = 0
        return self.tell()

    def begin_sending(self) -> None:
        """Tell the body that its request has been signed and is sent now."""
        self._is_sent = True

    @staticmethod
    def before_send(request: Any, **_: Any) -> None:
        """Handle botocore's event `before-send`: the body goes along, without a question before."""
        if isinstance(request.body, PartBody):
            request.headers.pop("Expect", None)
            request.body.begin_sending()
