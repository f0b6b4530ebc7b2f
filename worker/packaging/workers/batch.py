"""Packs a batch of small files, directories and links, in a thread or in a helper process."""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from isal.isal_zlib import crc32

from worker.packaging.tree.changes import Identity, Stamp, require_unchanged
from worker.packaging.tree.files import ReadFile, check_files, read_files
from worker.packaging.workers.segment import SEGMENT
from worker.packaging.zip.central_directory import marked_offsets
from worker.packaging.zip.deflate import STORE, Deflater, compressible
from worker.packaging.zip.format import DEFLATED, STORED
from worker.packaging.zip.headers import small_headers

#: A directory or a link: name, stamp, and the link's target.
Ready = tuple[bytes, Stamp, bytes]
#: A directory's name with its closing slash, the index of its descriptor, and its identity.
Parent = tuple[bytes, int, Identity]
#: Regular files of one directory: names, and the sizes and identities that were measured.
FilesToPack = tuple[Parent, list[bytes], list[int], list[Identity]]


class PackedBatch(NamedTuple):
    data: bytes | bytearray
    """Local headers and contents: a piece of the archive."""
    headers: bytes
    """The central headers, with offsets that count from the beginning of `data`."""
    offset_marks: bytes
    """Where these offsets are, see `marked_offsets`."""
    entry_count: int
    file_count: int
    bytes_total: int
    """Of the files."""


class BatchPacker:
    """Packs one batch after the other. It keeps its buffers: one thread at a time may use it."""

    def __init__(self, level: int) -> None:
        self._level = level

    @cached_property
    def _deflate(self) -> Deflater:
        return Deflater(SEGMENT, self._level)

    def __call__(
        self, items: Sequence[Ready | FilesToPack], descriptors: Sequence[int]
    ) -> PackedBatch:
        """Pack the items in their order; TreeChanged if a file is not as it was measured."""
        data: list[bytes] = []
        headers: list[bytes] = []
        offset = 0
        # all are read first: what deflates would drive what reads out of the processor's caches
        for name, content, (mode, mtime) in _contents(items, descriptors):
            method, crc, body = self._packed(content)
            local, central = small_headers(
                name, mode, mtime, method, crc, len(body), len(content), offset
            )
            data += local, body
            headers.append(central)
            offset += len(local) + len(body)
        sizes = [size for item in items if not isinstance(item[0], bytes) for size in item[2]]
        return PackedBatch(
            data=b"".join(data),
            headers=b"".join(headers),
            offset_marks=marked_offsets(headers),
            entry_count=len(headers),
            file_count=len(sizes),
            bytes_total=sum(sizes),
        )

    def _packed(self, content: bytes) -> tuple[int, int, bytes]:
        """Method, CRC-32 and body of a whole entry: deflated if that makes it smaller."""
        if content and self._level != STORE and compressible(content):
            body, crc = self._deflate.whole(content)
            if len(body) < len(content):
                return DEFLATED, crc, body
        return STORED, crc32(content), content


def check_batch(items: Sequence[Ready | FilesToPack], descriptors: Sequence[int]) -> PackedBatch:
    """Pack nothing; TreeChanged if a file or its directory is not as it was measured."""
    for item in items:
        if not isinstance(item[0], bytes):
            (directory, index, before), bases, _, identities = item
            check_files(directory, descriptors[index], bases, identities)
            require_unchanged(directory, before, descriptors[index])
    return PackedBatch(b"", b"", b"", 0, 0, 0)


def _contents(items: Sequence[Ready | FilesToPack], descriptors: Sequence[int]) -> list[ReadFile]:
    contents: list[ReadFile] = []
    for item in items:
        if isinstance(item[0], bytes):
            name, at, content = item
            contents.append((name, content, at))
            continue
        (directory, index, before), bases, sizes, identities = item
        parent = descriptors[index]
        contents += read_files(directory, parent, bases, sizes, identities)
        require_unchanged(directory, before, parent)
    return contents
