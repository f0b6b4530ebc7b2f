"""Reads a ZIP that anybody may have made, member by member."""

import os
from bisect import bisect_right
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from struct import unpack_from
from typing import Protocol
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from worker.errors import InvalidArchive, OneprefixError
from worker.models.archive import ArchiveMember
from worker.packaging.zip.format import LOCAL_HEADER, TIMESTAMP, UNIX, UTF_8, extra_fields

#: Bytes of a member that are given at once.
CHUNK = 1 << 20


class SeekableFile(Protocol):
    """What zipfile needs of a file."""

    def seek(self, offset: int, whence: int = ...) -> int: ...
    def tell(self) -> int: ...
    def seekable(self) -> bool: ...
    def read(self, size: int = ...) -> bytes: ...


def open_zip(
    file: SeekableFile, expect: Callable[[int, int], None] = lambda *_: None
) -> "ZipReader":
    """Read an archive's directory. InvalidArchive if it has none, or if its members overlap.

    `expect` is called before a range of the file is read, with the range's first byte and the end.
    """
    with _translated_zip_errors("the archive"):
        archive = ZipFile(file)
        infos = {_member(info): info for info in archive.infolist()}
    reader = ZipReader(archive, infos, sorted({member.offset for member in infos}), expect)
    reader.require_apart()
    return reader


@dataclass(frozen=True, slots=True)
class ZipReader:
    """An archive whose directory has been read."""

    _zip: ZipFile
    _infos: dict[ArchiveMember, ZipInfo]
    _starts: list[int]
    """Where members begin, sorted."""
    _expect: Callable[[int, int], None]

    @property
    def members(self) -> Sequence[ArchiveMember]:
        return list(self._infos)

    def read(self, member: ArchiveMember, chunk_size: int = CHUNK) -> Generator[bytes]:
        """Yield the member's bytes. InvalidArchive before their end if size or CRC-32 differ."""
        self._expect(member.offset, self._end(member))
        size = 0
        with _translated_zip_errors(member.shown), self._zip.open(self._infos[member]) as opened:
            while chunk := opened.read(chunk_size):
                size += len(chunk)
                yield chunk
            if size != member.size:
                raise InvalidArchive(f"{member.shown} has {size} bytes, not {member.size}")

    def is_bounded(self, member: ArchiveMember) -> bool:
        """Whether the member is inflated in pieces of that size, whatever it claims.

        The decompressors of other methods give all that a piece of their input unpacks to.
        """
        return self._infos[member].compress_type in (ZIP_STORED, ZIP_DEFLATED)

    def require_apart(self) -> None:
        """Raise InvalidArchive for members that share bytes: they could unpack to any size."""
        if len(self._starts) != len(self._infos) or any(
            _least_end(member) > self._end(member) for member in self._infos
        ):
            raise InvalidArchive("members of the archive overlap each other")

    def _end(self, member: ArchiveMember) -> int:
        """Where the next member or the directory begins."""
        following = bisect_right(self._starts, member.offset)
        if following < len(self._starts):
            return self._starts[following]
        return self._zip.start_dir


def _least_end(member: ArchiveMember) -> int:
    """The end of the member's data, if its local header has no extra fields."""
    header = LOCAL_HEADER.size + len(os.fsencode(member.name))
    return member.offset + header + member.compressed_size


@contextmanager
def _translated_zip_errors(what: str) -> Iterator[None]:
    try:
        yield
    except OneprefixError:
        raise
    except Exception as error:  # of zipfile and of whatever decompresses: there is no list of them
        reason = str(error) or type(error).__name__
        raise InvalidArchive(f"{what} can't be read: {reason}") from error


def _member(info: ZipInfo) -> ArchiveMember:
    raw = info.orig_filename.encode("utf-8" if info.flag_bits & UTF_8 else "cp437")
    return ArchiveMember(
        name=os.fsdecode(raw),
        size=info.file_size,
        compressed_size=info.compress_size,
        crc=info.CRC,
        mode=info.external_attr >> 16 if info.create_system == UNIX else 0,
        modified_at=_modified_at(info),
        offset=info.header_offset,
    )


def _modified_at(info: ZipInfo) -> datetime | None:
    """The time of the extended timestamp, or else MS-DOS's, which is read as UTC."""
    for kind, content in extra_fields(info.extra):
        if kind == TIMESTAMP and len(content) >= 5 and content[0] & 1:
            return datetime.fromtimestamp(unpack_from("<l", content, 1)[0], UTC)
    try:
        return datetime(*info.date_time, tzinfo=UTC)
    except ValueError:
        return None
