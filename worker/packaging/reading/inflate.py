"""A member's data as they were before they were compressed, in pieces of bounded size."""

from collections.abc import Iterator

from isal import isal_zlib

from worker.packaging.zip.format import DEFLATED, STORED

#: Bytes that a piece has at most, however well they were compressed.
PIECE = 1 << 20
_RAW = -15


def inflated(method: int, pieces: Iterator[memoryview]) -> Iterator[bytes | memoryview]:
    """ValueError unless one stream of the method ends where the pieces do."""
    if method == STORED:
        return pieces
    if method == DEFLATED:
        return _deflated(pieces)
    raise ValueError(f"compression method {method} is not known here")


def _deflated(pieces: Iterator[memoryview]) -> Iterator[bytes]:
    stream = isal_zlib.decompressobj(_RAW)
    try:
        for piece in pieces:
            left: bytes | memoryview = piece
            while left and not stream.eof:
                yield stream.decompress(left, PIECE)
                left = stream.unconsumed_tail
            _require(not left and not stream.unused_data, "more follows behind its stream")
        yield stream.flush()
    except isal_zlib.IsalError as error:  # type: ignore[misc]  # a class, whatever its stub says
        raise ValueError(str(error)) from error
    _require(stream.eof, "its stream does not end")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
