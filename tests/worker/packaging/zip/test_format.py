import stat
import struct
from datetime import UTC, datetime
from io import BytesIO
from zipfile import ZipFile, ZipInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worker.packaging.archives import TIMESTAMP, UTF_8, extra_fields, mtime, raw_name
from worker.packaging.zip.central_directory import (
    END_OVERHEAD,
    CentralDirectory,
    end_records,
    marked_offsets,
    relocated,
)
from worker.packaging.zip.deflate import crc32
from worker.packaging.zip.format import DEFLATED, MAX_16, MAX_32, STORED
from worker.packaging.zip.headers import (
    ENTRY_OVERHEAD,
    ZipEntry,
    central_header,
    data_descriptor,
    local_header,
    small_headers,
)

ZIP64 = 0x0001
SIZES_FOLLOW = 1 << 3
MEMBER = ZipEntry(
    name=b"RUN4/out.csv",
    mode=stat.S_IFREG | 0o640,
    mtime=1_700_000_001,
    method=DEFLATED,
    crc=0x1234_5678,
    compressed_size=1000,
    size=3000,
)
LOCAL = struct.Struct("<4s5H3L2H")
CENTRAL = struct.Struct("<4s6H3L5H2L")

values = st.one_of(
    st.integers(0, 2**40), st.sampled_from([MAX_32 - 1, MAX_32, MAX_32 + 1, MAX_16, 0])
)
members = st.builds(
    ZipEntry,
    name=st.binary(min_size=1, max_size=300),
    mode=st.integers(0, 0xFFFF),
    mtime=st.integers(-(2**35), 2**35),
    method=st.sampled_from([STORED, DEFLATED]),
    crc=st.integers(0, MAX_32),
    compressed_size=values,
    size=values,
    streamed=st.booleans(),
    zip64=st.booleans(),
)


def listed(member: ZipEntry, offset: int = 0) -> ZipInfo:
    """The member as Python's zipfile reads it from the central directory alone."""
    header = central_header(member, offset)
    archive = header + end_records(count=1, size=len(header), offset=0)
    with ZipFile(BytesIO(archive)) as opened:
        return opened.infolist()[0]


def local_extra(header: bytes) -> dict[int, bytes]:
    name_size, extra_size = LOCAL.unpack_from(header)[-2:]
    extra = header[LOCAL.size + name_size :]
    assert len(extra) == extra_size
    return dict(extra_fields(extra))


@given(member=members, offset=values)
def test_a_central_header_tells_every_value_whatever_its_size(
    member: ZipEntry, offset: int
) -> None:
    header = central_header(member, offset)
    *fixed, size, compressed_size, offset_32 = central_values(header)
    wide = {"size": size, "compressed_size": compressed_size, "offset": offset_32}
    extra = dict(extra_fields(header[CENTRAL.size + len(member.name) :]))
    large = [name for name, value in wide.items() if value == MAX_32]
    numbers = struct.unpack(f"<{len(large)}Q", extra.get(ZIP64, b""))
    assert wide | dict(zip(large, numbers, strict=True)) == {
        "size": member.size,
        "compressed_size": member.compressed_size,
        "offset": offset,
    }
    assert fixed == [b"PK\x01\x02", member.crc, member.mode]


def central_values(header: bytes) -> tuple[bytes, int, int, int, int, int]:
    """Signature, CRC, mode, and the three fields that may be too narrow."""
    fields = CENTRAL.unpack_from(header)
    return fields[0], fields[7], fields[15] >> 16, fields[9], fields[8], fields[16]


small = st.integers(0, MAX_32 - 1) | st.sampled_from([0, MAX_32 - 1])
small_members = st.builds(
    ZipEntry._replace, members, size=small, compressed_size=small, zip64=st.just(value=False)
)
batches = st.lists(st.tuples(small_members, small), max_size=8)
bases = st.one_of(
    st.integers(0, 2**40),
    st.integers(MAX_32 - 5, MAX_32 + 5),
    st.just(0),
)


@given(batch=batches, base=bases)
def test_relocated_headers_are_those_of_members_that_lie_further_behind(
    batch: list[tuple[ZipEntry, int]], base: int
) -> None:
    headers = [central_header(member, offset) for member, offset in batch]
    moved = b"".join(central_header(member, base + offset) for member, offset in batch)
    farthest = max((offset for _, offset in batch), default=0)
    assert relocated(b"".join(headers), marked_offsets(headers), base, farthest) == moved


@given(member=small_members, beyond=st.integers(-2, 2), offset=st.integers(0, 1000))
def test_a_header_is_relocated_across_the_edge_of_4_gib(
    member: ZipEntry, beyond: int, offset: int
) -> None:
    base = MAX_32 + beyond - offset
    header = central_header(member, offset)
    moved = relocated(header, marked_offsets([header]), base, offset)
    assert moved == central_header(member, MAX_32 + beyond)


@given(member=small_members, offset=small)
def test_a_small_members_headers_are_those_of_any_other(member: ZipEntry, offset: int) -> None:
    member = member._replace(streamed=False)
    made = small_headers(*member[:-2], offset)
    assert made == (local_header(member), central_header(member, offset))


@given(member=members, offset=values)
def test_the_records_of_a_member_stay_within_the_overhead(member: ZipEntry, offset: int) -> None:
    assert size_of_records(member, offset) <= 2 * len(member.name) + ENTRY_OVERHEAD


def test_the_overhead_is_that_of_the_largest_records() -> None:
    largest = MEMBER._replace(size=2**40, compressed_size=2**40, streamed=True, zip64=True)
    assert size_of_records(largest, 2**40) == 2 * len(MEMBER.name) + ENTRY_OVERHEAD


def size_of_records(member: ZipEntry, offset: int) -> int:
    in_64_bits = member._replace(zip64=True)
    before_and_behind = local_header(in_64_bits) + data_descriptor(in_64_bits)
    return len(before_and_behind + central_header(member, offset))


@pytest.mark.parametrize("offset", [MAX_32 - 1, MAX_32, MAX_32 + 1, 5 << 30, 2**40])
def test_an_offset_of_4_gib_and_beyond_is_found_by_its_reader(offset: int) -> None:
    header = central_header(MEMBER, offset)
    fields = CENTRAL.unpack_from(header)
    extra = dict(extra_fields(header[CENTRAL.size + len(MEMBER.name) :]))
    if offset < MAX_32:
        assert fields[-1] == offset
        assert ZIP64 not in extra
    else:
        assert fields[-1] == MAX_32
        assert extra[ZIP64] == struct.pack("<Q", offset)
        assert fields[2] == 45  # the version that Zip64 needs


def test_sizes_of_4_gib_and_beyond_are_read_back() -> None:
    large = MEMBER._replace(size=5 << 30, compressed_size=(4 << 30) + 1, streamed=True, zip64=True)
    member = listed(large)
    assert (member.file_size, member.compress_size) == (5 << 30, (4 << 30) + 1)
    assert mtime(member) == MEMBER.mtime


def test_a_small_member_needs_no_zip64() -> None:
    assert ZIP64 not in dict(extra_fields(listed(MEMBER).extra))
    assert ZIP64 not in local_extra(local_header(MEMBER))
    assert LOCAL.unpack_from(local_header(MEMBER))[1] == 20
    assert CENTRAL.unpack_from(central_header(MEMBER, 0))[2] == 20


def test_a_local_header_tells_what_was_known_before_the_data() -> None:
    fields = LOCAL.unpack_from(local_header(MEMBER))
    assert fields[0] == b"PK\x03\x04"
    assert fields[2] & SIZES_FOLLOW == 0
    assert fields[3] == DEFLATED
    assert fields[6:9] == (MEMBER.crc, MEMBER.compressed_size, MEMBER.size)


def test_what_follows_the_data_is_not_told_before_it() -> None:
    fields = LOCAL.unpack_from(local_header(MEMBER._replace(streamed=True)))
    assert fields[2] & SIZES_FOLLOW
    assert fields[6:9] == (0, 0, 0)
    assert CENTRAL.unpack_from(central_header(MEMBER._replace(streamed=True), 0))[3] & SIZES_FOLLOW


def test_a_streamed_member_announces_its_64_bit_descriptor() -> None:
    streamed = MEMBER._replace(streamed=True, zip64=True)
    header = local_header(streamed)
    fields = LOCAL.unpack_from(header)
    assert fields[1] == 45
    assert fields[6:9] == (0, MAX_32, MAX_32)
    assert local_extra(header)[ZIP64] == bytes(16)
    assert data_descriptor(streamed) == b"PK\x07\x08" + struct.pack("<LQQ", MEMBER.crc, 1000, 3000)


def test_a_known_size_beyond_4_gib_stands_in_the_local_header() -> None:
    header = local_header(MEMBER._replace(zip64=True, size=5 << 30, compressed_size=4 << 30))
    assert LOCAL.unpack_from(header)[6:9] == (MEMBER.crc, MAX_32, MAX_32)
    assert local_extra(header)[ZIP64] == struct.pack("<QQ", 5 << 30, 4 << 30)


def test_a_descriptor_of_a_smaller_member_is_32_bits_wide() -> None:
    streamed = MEMBER._replace(streamed=True)
    assert data_descriptor(streamed) == b"PK\x07\x08" + struct.pack("<LLL", MEMBER.crc, 1000, 3000)


@pytest.mark.parametrize(
    ("name", "flagged"),
    [
        (b"RUN4/out.csv", False),
        ("RUN4/ü".encode(), True),
        (b"RUN4/\xff", False),
        (b"RUN4/\xed\xa0\x80", False),
    ],
)
def test_only_names_that_are_utf_8_are_said_to_be(name: bytes, flagged: bool) -> None:
    named = MEMBER._replace(name=name)
    member = listed(named)
    assert bool(member.flag_bits & UTF_8) is flagged
    assert bool(LOCAL.unpack_from(local_header(named))[2] & UTF_8) is flagged
    assert raw_name(member) == name


def test_modes_are_unixs_and_directories_also_ms_doss() -> None:
    file = listed(MEMBER)
    assert (file.create_system, file.external_attr) == (3, MEMBER.mode << 16)
    directory = listed(MEMBER._replace(name=b"RUN4/", mode=stat.S_IFDIR | 0o755))
    assert directory.external_attr == (stat.S_IFDIR | 0o755) << 16 | 0x10


def epoch(*fields: int) -> int:
    return int(datetime(*fields, tzinfo=UTC).timestamp())  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (epoch(1979, 12, 31, 23, 59, 59), (1980, 1, 1, 0, 0, 0)),
        (epoch(1980, 1, 1), (1980, 1, 1, 0, 0, 0)),
        (epoch(1980, 1, 1, 0, 0, 3), (1980, 1, 1, 0, 0, 2)),
        (0, (1980, 1, 1, 0, 0, 0)),
        (-1, (1980, 1, 1, 0, 0, 0)),
        (-(2**40), (1980, 1, 1, 0, 0, 0)),
        (epoch(2025, 10, 23, 21, 15, 0), (2025, 10, 23, 21, 15, 0)),
        (epoch(2038, 1, 19, 3, 14, 8), (2038, 1, 19, 3, 14, 8)),
        (epoch(2107, 12, 31, 23, 59, 58), (2107, 12, 31, 23, 59, 58)),
        (epoch(2107, 12, 31, 23, 59, 59), (2107, 12, 31, 23, 59, 58)),
        (epoch(2108, 1, 1), (2107, 12, 31, 23, 59, 58)),
        (2**40, (2107, 12, 31, 23, 59, 58)),
    ],
)
def test_dates_are_in_utc_and_clamped_to_ms_doss_calendar(
    seconds: int, shown: tuple[int, ...]
) -> None:
    at = MEMBER._replace(mtime=seconds)
    assert listed(at).date_time == shown
    assert (
        LOCAL.unpack_from(local_header(at))[4:6] == CENTRAL.unpack_from(central_header(at, 0))[5:7]
    )


@pytest.mark.parametrize("seconds", [0, 1, 1_700_000_001, 2**31 - 1])
def test_the_exact_second_stands_beside_the_date(seconds: int) -> None:
    at = MEMBER._replace(mtime=seconds)
    assert mtime(listed(at)) == seconds
    assert local_extra(local_header(at)) == {TIMESTAMP: struct.pack("<Bl", 1, seconds)}


@pytest.mark.parametrize("seconds", [-1, -(2**31), 2**31, 2**32 - 1, 2**40])
def test_a_second_that_readers_disagree_on_is_left_to_the_date(seconds: int) -> None:
    at = MEMBER._replace(mtime=seconds)
    assert mtime(listed(at)) is None
    assert local_extra(local_header(at)) == {}


def test_a_small_archive_ends_without_zip64() -> None:
    ending = end_records(count=MAX_16 - 1, size=MAX_32 - 1, offset=MAX_32 - 1)
    assert ending == struct.pack(
        "<4s4H2LH", b"PK\x05\x06", 0, 0, MAX_16 - 1, MAX_16 - 1, MAX_32 - 1, MAX_32 - 1, 0
    )


@pytest.mark.parametrize(
    ("count", "size", "offset"),
    [
        (MAX_16, 100, 100),
        (MAX_16 + 1, 100, 100),
        (1, MAX_32, 100),
        (1, 100, MAX_32),
        (2**33, 2**34, 2**35),
    ],
)
def test_a_large_archive_ends_with_zip64_records(count: int, size: int, offset: int) -> None:
    ending = end_records(count=count, size=size, offset=offset)
    assert len(ending) == END_OVERHEAD
    record = struct.unpack_from("<4sQ2H2L4Q", ending)
    assert record[0] == b"PK\x06\x06"
    assert record[1] == 56 - 12  # it counts from behind itself
    assert record[6:] == (count, count, size, offset)
    assert struct.unpack_from("<4sLQL", ending, 56) == (b"PK\x06\x07", 0, offset + size, 1)
    assert struct.unpack_from("<4s4H2LH", ending, 76) == (
        b"PK\x05\x06",
        0,
        0,
        min(count, MAX_16),
        min(count, MAX_16),
        min(size, MAX_32),
        min(offset, MAX_32),
        0,
    )


@pytest.mark.parametrize(
    ("name", "seconds"),
    [(b"RUN4/PK\x06\x07/.....", 1_700_000_000), (b"RUN4/PK\x06\x07" + b"." * 15, -1)],
)
def test_a_name_like_a_zip64_record_is_read_back(name: bytes, seconds: int) -> None:
    directory = CentralDirectory()
    directory.add(MEMBER._replace(name=name + b"/", mtime=seconds), 0)
    with ZipFile(BytesIO(b"".join(directory.closing(0)))) as opened:
        assert raw_name(opened.infolist()[0]) == name + b"/"


def test_a_whole_archive_of_these_records_is_read_back() -> None:
    data = b"0.0,1.0\n"
    member = MEMBER._replace(
        method=0, crc=crc32(data), size=len(data), compressed_size=len(data), zip64=True
    )
    body = local_header(member) + data
    index = central_header(member, 0)
    archive = body + index + end_records(count=1, size=len(index), offset=len(body))
    with ZipFile(BytesIO(archive)) as opened:
        assert opened.read("RUN4/out.csv") == data
