"""The inside of stored archives."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from worker.models.checked_archive import CheckedArchive
from worker.models.member import Member


class ArchiveFile(Protocol):
    """A file that is read by requests, as few as may be."""

    size: int
    transferred: int
    """Bytes so far."""
    requests: int

    def expect(self, start: int, end: int) -> None:
        """This range is about to be read from its start on."""
        ...

    def seek(self, offset: int, whence: int = ...) -> int: ...
    def tell(self) -> int: ...
    def seekable(self) -> bool: ...
    def read(self, size: int = ...) -> bytes: ...


class ObjectReader(Protocol):
    def open(self, key: str) -> ArchiveFile:
        """The object under the key as a file, or ArtifactNotFound."""
        ...


class OpenedZip(Protocol):
    @property
    def members(self) -> Sequence[Member]: ...

    def read(self, member: Member) -> Iterator[bytes]:
        """The member's bytes; InvalidArchive before their end if they are not its own."""
        ...


class Unzip(Protocol):
    def open(self, file: ArchiveFile) -> OpenedZip:
        """InvalidArchive if it is no ZIP."""
        ...

    def unpack(self, archive: Path, to: Path) -> None:
        """The new directory `to` with all that the archive holds, or nothing there.

        InvalidArchive if anything in it would end up elsewhere, or is not what it says.
        """
        ...


class Content(Protocol):
    """The bytes of one stored object."""

    @property
    def size(self) -> int: ...

    def read(self, start: int, end: int) -> bytes:
        """All the bytes from `start` up to `end`. From any thread."""
        ...


class ArchiveCheck(Protocol):
    def __call__(self, content: Content) -> CheckedArchive:
        """Every member's data against its CRC-32, in bounded memory; ArchiveDamaged if it differs
        or the archive's records contradict each other."""
        ...
