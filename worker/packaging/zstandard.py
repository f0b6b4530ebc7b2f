"""Zstandard, which comes with the extra `zstd`, and with Python from 3.14 on."""

import sys

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


from worker.packaging.zip_format import ZSTANDARD


def compressed(content: bytes, level: int) -> bytes:
    return zstd.compress(content, level)


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
