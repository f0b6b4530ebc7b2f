"""How much an archive that anybody may have made may unpack to, checked before it is."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from worker.errors import InvalidArchive
from worker.models.archive import ArchiveMember
from worker.packaging.zip.format import END_RECORD, MAX_16, ZIP64_END_RECORD, ZIP64_LOCATOR

_ADVICE = "`oneprefix fetch --unpack --no-limits` unpacks it nevertheless"
#: Bytes at an archive's end that hold its end records and the longest comment.
_TAIL = END_RECORD.size + MAX_16 + ZIP64_LOCATOR.size + ZIP64_END_RECORD.size


@dataclass(frozen=True, slots=True)
class Limits:
    depth: int = 256
    """Steps of a member's name. Archives of ours have some 200 at most."""
    members: int = 1_000_000
    """Each takes some 700 bytes of memory."""
    ratio: int = 200
    """Bytes unpacked for each of the archive's; deflate reaches 1,032."""
    free: int = 1 << 30
    """Bytes that may be unpacked at any ratio."""

    def require_few(self, file: BinaryIO) -> None:
        """Raise InvalidArchive if the archive's end tells of too many members."""
        count = _member_count(file)
        if count > self.members:
            raise InvalidArchive(f"the archive holds {count:,} members; {_ADVICE}")

    def require_shallow(self, member: ArchiveMember) -> None:
        """Raise InvalidArchive for a member too many directories deep."""
        if member.name.count("/") > self.depth:
            name = member.shown[:80]
            raise InvalidArchive(f"{name}… lies more than {self.depth} directories deep; {_ADVICE}")

    def require_modest(self, members: Sequence[ArchiveMember], size: int) -> None:
        """Raise InvalidArchive if an archive of `size` bytes unpacks to far more."""
        total = sum(each.size for each in members)
        if total > max(self.free, self.ratio * size):
            raise InvalidArchive(
                f"{size:,} bytes of archive unpack to {total:,}, more than {self.ratio} times as"
                f" many; {_ADVICE}"
            )


#: What no file system and no Python could do anyway.
NO_LIMITS = Limits(depth=900, members=1 << 63, ratio=1 << 40)


def _member_count(file: BinaryIO) -> int:
    """What the end records say; 0 if there are none, which the reader then tells."""
    file.seek(max(0, file.seek(0, 2) - _TAIL))
    tail = file.read()
    file.seek(0)
    end = len(tail) - END_RECORD.size
    if not tail.startswith(END_RECORD.signature, end):  # there is a comment
        end = tail.rfind(END_RECORD.signature)
    if end < 0 or len(tail) < end + END_RECORD.size:
        return 0
    _, _, _, count, *_ = END_RECORD.unpack(tail[end : end + END_RECORD.size])
    locator = end - ZIP64_LOCATOR.size
    wide = locator - ZIP64_END_RECORD.size
    # nowhere else: a member's name may hold the same bytes
    if wide >= 0 and tail.startswith(ZIP64_LOCATOR.signature, locator):
        with suppress(ValueError):  # another record
            *_, wider, _, _ = ZIP64_END_RECORD.unpack(tail[wide:locator])
            count = max(count, wider)
    return int(count)
