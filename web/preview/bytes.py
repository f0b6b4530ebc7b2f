"""The first bytes of a member, whatever it claims to hold."""

from contextlib import closing

from worker.errors import InvalidRequest
from worker.models.archive import ArchiveMember
from worker.use_cases.job.read import RemoteArchive

MOST_OF_A_TEXT = 256 << 10
MOST_OF_AN_IMAGE = 8 << 20
#: Bytes that are unpacked at once.
AT_ONCE = 64 << 10


def first_bytes(archive: RemoteArchive, member: ArchiveMember, most: int) -> bytes:
    """At most so many of the member's bytes; no more of the archive is read than they take."""
    if not archive.opened.is_bounded(member):
        raise InvalidRequest(f"{member.shown} is compressed by a method that pages do not unpack")
    found = bytearray()
    with closing(archive.opened.read(member, AT_ONCE)) as chunks:
        for chunk in chunks:
            found += chunk[: most - len(found)]
            if len(found) >= most:
                break
    return bytes(found)
