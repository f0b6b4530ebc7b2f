"""Reads ZIPs that anybody may have made."""

import os
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from struct import unpack_from
from typing import Protocol
from zipfile import ZipFile, ZipInfo

from worker.errors import InvalidArchive, OneprefixError
from worker.models.archive import ArchiveMember
from worker.packaging.zip.format import TIMESTAMP

CHUNK = 1 << 20
_LOCAL_HEADER_SIZE = 30
_UTF_8 = 1 << 11
_UNIX = 3


class SeekableFile(Protocol):
    def seek(self, offset: int, whence: int = ...) -> int: ...
    def tell(self) -> int: ...
    def seekable(self) -> bool: ...
    def read(self, size: int = ...) -> bytes: ...


class ZipReader:
    """An archive whose central directory has been read.

    `expect` is called before a range of the file is read from its start on.
    """

    def __init__(
        self, file: SeekableFile, expect: Callable[[int, int], None] = lambda *_: None
    ) -> None:
        self._expect = expect
        with _checked("the archive"):
            self._zip = ZipFile(file)
            self._infos = {_member(info): info for info in self._zip.infolist()}
        self._starts = sorted({member.offset for member in self._infos})
        self._require_apart()

    @property
    def members(self) -> Sequence[ArchiveMember]:
        return list(self._infos)

    def read(self, member: ArchiveMember) -> Iterator[bytes]:
        self._expect(member.offset, self._end(member))
        size = 0
        with _checked(member.shown), self._zip.open(self._infos[member]) as opened:
            while chunk := opened.read(CHUNK):
                size += len(chunk)
                yield chunk
            if size != member.size:
                raise InvalidArchive(f"{member.shown} has {size} bytes, not {member.size}")

    def _end(self, member: ArchiveMember) -> int:
        """Where at the latest whatever follows the member begins."""
        following = bisect_right(self._starts, member.offset)
        if following < len(self._starts):
            return self._starts[following]
        return int(self._zip.start_dir)

    def _require_apart(self) -> None:
        """Members that share their bytes could unpack to any size."""
        if len(self._starts) != len(self._infos) or any(
            member.offset
            + _LOCAL_HEADER_SIZE
            + len(os.fsencode(member.name))
            + member.compressed_size
            > self._end(member)
            for member in self._infos
        ):
            raise InvalidArchive("members of the archive overlap each other")


@contextmanager
def _checked(what: str) -> Iterator[None]:
    try:
        yield
    except OneprefixError:
        raise
    except Exception as error:  # of zipfile and of whatever decompresses: there is no list of them
        reason = str(error) or type(error).__name__
        raise InvalidArchive(f"{what} can't be read: {reason}") from error


def _member(info: ZipInfo) -> ArchiveMember:
    raw = info.orig_filename.encode("utf-8" if info.flag_bits & _UTF_8 else "cp437")
    return ArchiveMember(
        name=os.fsdecode(raw),
        size=info.file_size,
        compressed_size=info.compress_size,
        crc=info.CRC,
        mode=info.external_attr >> 16 if info.create_system == _UNIX else 0,
        modified_at=_modified_at(info),
        offset=info.header_offset,
    )


def _modified_at(info: ZipInfo) -> datetime | None:
    """By the extended timestamp, or else MS-DOS's, which is read as UTC."""
    extra = info.extra
    while len(extra) >= 4:
        kind, size = unpack_from("<HH", extra)
        if kind == TIMESTAMP and size >= 5 and len(extra) >= 9 and extra[4] & 1:
            return datetime.fromtimestamp(unpack_from("<l", extra, 5)[0], UTC)
        extra = extra[4 + size :]
    try:
        year, month, day, hour, minute, second = info.date_time
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
