"""A run's archive: what packing came to, its members, and what reading it has shown."""

import stat
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Archive:
    file_count: int
    bytes_total: int
    """Bytes read from the tree's regular files."""
    size: int
    """Bytes of the ZIP."""
    left_out: tuple[str, ...] = ()
    """What is left out by rule, as `name (reason)`: sockets, devices, links out of the tree."""


@dataclass(frozen=True, slots=True)
class ArchiveMember:
    name: str
    """As the file system has it: bytes that are not UTF-8 are surrogates. Not to be trusted."""
    size: int
    compressed_size: int
    crc: int
    mode: int
    """As in `st_mode`; 0 where the archive does not tell."""
    modified_at: datetime | None
    offset: int
    """Of its local header."""

    @property
    def is_directory(self) -> bool:
        return self.name.endswith("/")

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.mode)

    @property
    def shown(self) -> str:
        """The name with escapes for whatever could fool a terminal or a reader."""
        return "".join(map(_shown, self.name))


def _shown(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if character.isprintable():
        return character
    if "\udc80" <= character <= "\udcff":  # one byte that is no UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


@dataclass(frozen=True, slots=True)
class CheckedArchive:
    members: int
    """Each has the bytes that its CRC-32 was taken of."""
    checksum: str
    """Of the whole archive, as `CRC32:base64`."""
