"""Zstandard, which comes with the extra `zstd`, and with Python from 3.14 on."""

import sys
from collections.abc import Iterable, Iterator

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


from worker.packaging.zip.format import ZSTANDARD


def compressed(content: bytes, level: int) -> bytes:
    return zstd.compress(content, level)


def decompressed(pieces: Iterable[memoryview], size: int) -> Iterator[bytes]:
    """In pieces of up to `size` bytes. ValueError unless one frame ends where the pieces do."""
    frame = zstd.ZstdDecompressor()
    try:
        for piece in pieces:
            yield frame.decompress(piece, size)
            while not (frame.needs_input or frame.eof):
                yield frame.decompress(b"", size)
    except (zstd.ZstdError, EOFError) as error:
        raise ValueError(str(error)) from error
    if not frame.eof or frame.unused_data:
        raise ValueError("its frame does not end where its data do")


class ZstandardStream:
    """Compresses a file's segments into one frame, since not every reader goes on to a second.

    Its bytes don't depend on the number of threads, as long as there is one beside the caller's.
    """

    method = ZSTANDARD

    def __init__(self, level: int, threads: int) -> None:
        parameter = zstd.CompressionParameter
        options = {int(parameter.compression_level): level, int(parameter.nb_workers): threads}
        self._compressor = zstd.ZstdCompressor(options=options)

    def add(self, data: bytes | bytearray) -> bytes:
        return self._compressor.compress(data)

    def end(self) -> bytes:
        return self._compressor.flush()
