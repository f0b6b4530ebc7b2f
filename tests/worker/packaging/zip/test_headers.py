import stat
import struct
import zlib
from datetime import UTC, datetime
from io import BytesIO
from zipfile import ZipFile, ZipInfo

import pytest
from hypothesis import given

from tests.worker.packaging.archives import TIMESTAMP, UTF_8, extra_fields, mtime, raw_name
from tests.worker.packaging.zip.entries import ENTRY, entries, small, small_entries, values
from worker.packaging.zip.central_directory import (
    end_records,
)
from worker.packaging.zip.format import DEFLATED, MAX_32
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
LOCAL = struct.Struct("<4s5H3L2H")
CENTRAL = struct.Struct("<4s6H3L5H2L")


def listed(entry: ZipEntry, offset: int = 0) -> ZipInfo:
    """The entry as Python's zipfile reads it from the central directory alone."""
    header = central_header(entry, offset)
    archive = header + end_records(count=1, size=len(header), offset=0)
    with ZipFile(BytesIO(archive)) as opened:
        return opened.infolist()[0]


def local_extra(header: bytes) -> dict[int, bytes]:
    name_size, extra_size = LOCAL.unpack_from(header)[-2:]
    extra = header[LOCAL.size + name_size :]
    assert len(extra) == extra_size
    return dict(extra_fields(extra))


@given(entry=entries, offset=values)
def test_a_central_header_tells_every_value_whatever_its_size(entry: ZipEntry, offset: int) -> None:
    header = central_header(entry, offset)
    *fixed, size, compressed_size, offset_32 = central_values(header)
    wide = {"size": size, "compressed_size": compressed_size, "offset": offset_32}
    extra = dict(extra_fields(header[CENTRAL.size + len(entry.name) :]))
    large = [name for name, value in wide.items() if value == MAX_32]
    numbers = struct.unpack(f"<{len(large)}Q", extra.get(ZIP64, b""))
    assert wide | dict(zip(large, numbers, strict=True)) == {
        "size": entry.size,
        "compressed_size": entry.compressed_size,
        "offset": offset,
    }
    assert fixed == [b"PK\x01\x02", entry.crc, entry.mode]


def central_values(header: bytes) -> tuple[bytes, int, int, int, int, int]:
    """Signature, CRC, mode, and the three fields that Zip64 may widen."""
    fields = CENTRAL.unpack_from(header)
    return fields[0], fields[7], fields[15] >> 16, fields[9], fields[8], fields[16]


@given(entry=small_entries, offset=small)
def test_a_small_entrys_headers_are_those_of_any_other(entry: ZipEntry, offset: int) -> None:
    entry = entry._replace(streamed=False)
    made = small_headers(*entry[:-2], offset)
    assert made == (local_header(entry), central_header(entry, offset))


@given(entry=entries, offset=values)
def test_the_records_of_an_entry_stay_within_the_overhead(entry: ZipEntry, offset: int) -> None:
    assert size_of_records(entry, offset) <= 2 * len(entry.name) + ENTRY_OVERHEAD


def test_the_overhead_is_that_of_the_largest_records() -> None:
    largest = ENTRY._replace(size=2**40, compressed_size=2**40, streamed=True, zip64=True)
    assert size_of_records(largest, 2**40) == 2 * len(ENTRY.name) + ENTRY_OVERHEAD


def size_of_records(entry: ZipEntry, offset: int) -> int:
    in_64_bits = entry._replace(zip64=True)
    before_and_behind = local_header(in_64_bits) + data_descriptor(in_64_bits)
    return len(before_and_behind + central_header(entry, offset))


@pytest.mark.parametrize("offset", [MAX_32 - 1, MAX_32, MAX_32 + 1, 5 << 30, 2**40])
def test_an_offset_of_4_gib_and_beyond_is_found_by_its_reader(offset: int) -> None:
    header = central_header(ENTRY, offset)
    fields = CENTRAL.unpack_from(header)
    extra = dict(extra_fields(header[CENTRAL.size + len(ENTRY.name) :]))
    if offset < MAX_32:
        assert fields[-1] == offset
        assert ZIP64 not in extra
    else:
        assert fields[-1] == MAX_32
        assert extra[ZIP64] == struct.pack("<Q", offset)
        assert fields[2] == 45  # the version that Zip64 needs


def test_sizes_of_4_gib_and_beyond_are_read_back() -> None:
    large = ENTRY._replace(size=5 << 30, compressed_size=(4 << 30) + 1, streamed=True, zip64=True)
    entry = listed(large)
    assert (entry.file_size, entry.compress_size) == (5 << 30, (4 << 30) + 1)
    assert mtime(entry) == ENTRY.mtime


def test_a_small_entry_needs_no_zip64() -> None:
    assert ZIP64 not in dict(extra_fields(listed(ENTRY).extra))
    assert ZIP64 not in local_extra(local_header(ENTRY))
    assert LOCAL.unpack_from(local_header(ENTRY))[1] == 20
    assert CENTRAL.unpack_from(central_header(ENTRY, 0))[2] == 20


def test_a_local_header_tells_what_was_known_before_the_data() -> None:
    fields = LOCAL.unpack_from(local_header(ENTRY))
    assert fields[0] == b"PK\x03\x04"
    assert fields[2] & SIZES_FOLLOW == 0
    assert fields[3] == DEFLATED
    assert fields[6:9] == (ENTRY.crc, ENTRY.compressed_size, ENTRY.size)


def test_what_follows_the_data_is_not_told_before_it() -> None:
    fields = LOCAL.unpack_from(local_header(ENTRY._replace(streamed=True)))
    assert fields[2] & SIZES_FOLLOW
    assert fields[6:9] == (0, 0, 0)
    assert CENTRAL.unpack_from(central_header(ENTRY._replace(streamed=True), 0))[3] & SIZES_FOLLOW


def test_a_streamed_entry_announces_its_64_bit_descriptor() -> None:
    streamed = ENTRY._replace(streamed=True, zip64=True)
    header = local_header(streamed)
    fields = LOCAL.unpack_from(header)
    assert fields[1] == 45
    assert fields[6:9] == (0, MAX_32, MAX_32)
    assert local_extra(header)[ZIP64] == bytes(16)
    assert data_descriptor(streamed) == b"PK\x07\x08" + struct.pack("<LQQ", ENTRY.crc, 1000, 3000)


def test_a_known_size_beyond_4_gib_stands_in_the_local_header() -> None:
    header = local_header(ENTRY._replace(zip64=True, size=5 << 30, compressed_size=4 << 30))
    assert LOCAL.unpack_from(header)[6:9] == (ENTRY.crc, MAX_32, MAX_32)
    assert local_extra(header)[ZIP64] == struct.pack("<QQ", 5 << 30, 4 << 30)


def test_a_descriptor_of_a_smaller_entry_is_32_bits_wide() -> None:
    streamed = ENTRY._replace(streamed=True)
    assert data_descriptor(streamed) == b"PK\x07\x08" + struct.pack("<LLL", ENTRY.crc, 1000, 3000)


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
    named = ENTRY._replace(name=name)
    entry = listed(named)
    assert bool(entry.flag_bits & UTF_8) is flagged
    assert bool(LOCAL.unpack_from(local_header(named))[2] & UTF_8) is flagged
    assert raw_name(entry) == name


def test_modes_are_unixs_and_directories_also_ms_doss() -> None:
    file = listed(ENTRY)
    assert (file.create_system, file.external_attr) == (3, ENTRY.mode << 16)
    directory = listed(ENTRY._replace(name=b"RUN4/", mode=stat.S_IFDIR | 0o755))
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
    at = ENTRY._replace(mtime=seconds)
    assert listed(at).date_time == shown
    assert (
        LOCAL.unpack_from(local_header(at))[4:6] == CENTRAL.unpack_from(central_header(at, 0))[5:7]
    )


@pytest.mark.parametrize("seconds", [0, 1, 1_700_000_001, 2**31 - 1])
def test_the_exact_second_stands_beside_the_date(seconds: int) -> None:
    at = ENTRY._replace(mtime=seconds)
    assert mtime(listed(at)) == seconds
    assert local_extra(local_header(at)) == {TIMESTAMP: struct.pack("<Bl", 1, seconds)}


@pytest.mark.parametrize("seconds", [-1, -(2**31), 2**31, 2**32 - 1, 2**40])
def test_a_second_that_readers_disagree_on_is_left_to_the_date(seconds: int) -> None:
    at = ENTRY._replace(mtime=seconds)
    assert mtime(listed(at)) is None
    assert local_extra(local_header(at)) == {}


def test_a_whole_archive_of_these_records_is_read_back() -> None:
    data = b"0.0,1.0\n"
    entry = ENTRY._replace(
        method=0, crc=zlib.crc32(data), size=len(data), compressed_size=len(data), zip64=True
    )
    body = local_header(entry) + data
    index = central_header(entry, 0)
    archive = body + index + end_records(count=1, size=len(index), offset=len(body))
    with ZipFile(BytesIO(archive)) as opened:
        assert opened.read("RUN4/out.csv") == data
