"""Tell what an archive holds, read with Python's zipfile."""

import struct
from collections.abc import Iterator
from io import BytesIO
from zipfile import ZipFile, ZipInfo

from tests.worker.packaging.trees import Kept

TIMESTAMP = 0x5455
UTF_8 = 1 << 11


def held(archive: bytes) -> dict[bytes, Kept]:
    """The archive's entries by name, in order, each read and checked against its CRC."""
    with ZipFile(BytesIO(archive)) as opened:
        members = opened.infolist()
        kept = {
            raw_name(member): Kept(member.external_attr >> 16, mtime(member), opened.read(member))
            for member in members
        }
    assert len(kept) == len(members), "a name stands twice"
    return kept


def names_in(archive: bytes) -> list[bytes]:
    with ZipFile(BytesIO(archive)) as opened:
        return [raw_name(member) for member in opened.infolist()]


def raw_name(member: ZipInfo) -> bytes:
    return member.filename.encode("utf-8" if member.flag_bits & UTF_8 else "cp437")


def mtime(member: ZipInfo) -> int | None:
    """The time of the extended timestamp, in whole seconds; None without one."""
    fields = dict(extra_fields(member.extra))
    if TIMESTAMP not in fields:
        return None
    flags, seconds = struct.unpack("<Bl", fields[TIMESTAMP])
    assert flags == 1, "only the modification time"
    return int(seconds)


def extra_fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    while extra:
        kind, size = struct.unpack_from("<HH", extra)
        assert len(extra) >= 4 + size, "an extra field ends early"
        yield kind, extra[4 : 4 + size]
        extra = extra[4 + size :]
