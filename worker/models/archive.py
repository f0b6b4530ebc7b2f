"""A run's ZIP archive: the figures of packing and of checking it, its members, its end."""

import stat
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from worker.printable import escaped

_END_RECORD: Final = 22
#: Bytes of a ZIP's end record and of the longest comment that may follow it.
ZIP_TAIL: Final = _END_RECORD + 0xFFFF


@dataclass(frozen=True, slots=True)
class Archive:
    file_count: int
    bytes_total: int
    """Bytes read from the tree's regular files."""
    size: int
    """Bytes of the ZIP."""
    left_out: tuple[str, ...] = ()
    """Entries left out by rule, as `name (reason)`: sockets, devices, links out of the tree."""


@dataclass(frozen=True, slots=True)
class ArchiveMember:
    name: str
    """As in the archive, not to be trusted; bytes that are not UTF-8 become surrogates."""
    size: int
    compressed_size: int
    crc: int
    mode: int
    """As in `st_mode`; 0 if the archive does not record one."""
    modified_at: datetime | None
    offset: int
    """Where its local header begins in the archive."""

    @property
    def is_directory(self) -> bool:
        return self.name.endswith("/")

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.mode)

    @property
    def shown(self) -> str:
        """The name with escapes for characters that could fool a terminal or a reader."""
        return "".join(map(_shown, self.name))


def _shown(character: str) -> str:
    if character == "\\":
        return "\\\\"
    return character if character.isprintable() else escaped(character)


@dataclass(frozen=True, slots=True)
class CheckedArchive:
    """An archive whose every member has the bytes of its CRC-32."""

    members: int
    checksum: str
    """The CRC-32 of the whole archive, as `CRC32:base64`."""


def ends_as_zip(tail: bytes) -> bool:
    """Whether a ZIP of which these are the last bytes, ZIP_TAIL at most, was written to its end."""
    start = tail.rfind(b"PK\5\6")
    comment = int.from_bytes(tail[start + _END_RECORD - 2 : start + _END_RECORD], "little")
    return start >= 0 and start + _END_RECORD + comment == len(tail)
