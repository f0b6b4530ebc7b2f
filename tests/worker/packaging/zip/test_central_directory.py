import stat
import struct
import tracemalloc
from collections.abc import Iterator
from io import BytesIO
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worker.packaging.archives import raw_name
from tests.worker.packaging.zip.entries import ENTRY, small, small_entries
from worker.packaging.spool import BLOCK
from worker.packaging.zip.central_directory import (
    END_OVERHEAD,
    CentralDirectory,
    end_records,
    marked_offsets,
    relocated,
)
from worker.packaging.zip.format import MAX_16, MAX_32
from worker.packaging.zip.headers import ZipEntry, central_header

COUNT = 70_000
batches = st.lists(st.tuples(small_entries, small), max_size=8)
bases = st.one_of(
    st.integers(0, 2**40),
    st.integers(MAX_32 - 5, MAX_32 + 5),
    st.just(0),
)


def numbered(count: int) -> Iterator[tuple[ZipEntry, int]]:
    for number in range(count):
        name = b"RUN4/series/step_%06d/pressure.csv" % number
        yield (
            ZipEntry(name=name, mode=stat.S_IFREG | 0o644, mtime=1_700_000_000, crc=number * 7919),
            number * 1000,
        )


def extend(directory: CentralDirectory, *entries: tuple[ZipEntry, int], base: int) -> None:
    """Add the entries at once, with offsets that count from `base`."""
    headers = [central_header(*each) for each in entries]
    marks = marked_offsets(headers)
    size = max(offset for _, offset in entries)
    directory.extend(b"".join(headers), marks, len(headers), base, size)


def test_a_directory_closes_with_every_header_in_order_and_the_end_records() -> None:
    directory = CentralDirectory()
    headers = b"".join(central_header(*each) for each in numbered(COUNT))
    for entry, offset in numbered(COUNT):
        directory.add(entry, offset)
    closing = b"".join(directory.closing(COUNT * 1000))
    assert closing == headers + end_records(count=COUNT, size=len(headers), offset=COUNT * 1000)
    assert COUNT > MAX_16
    assert len(headers) > 10 * BLOCK


def test_an_empty_directory_closes_with_the_end_records_alone() -> None:
    closing = b"".join(CentralDirectory().closing(123))
    assert closing == end_records(count=0, size=0, offset=123)


def test_headers_are_compressed_while_they_wait() -> None:
    size = sum(len(central_header(*each)) for each in numbered(30_000))
    tracemalloc.start()
    try:
        directory = CentralDirectory()
        before, _ = tracemalloc.get_traced_memory()
        for entry, offset in numbered(30_000):
            directory.add(entry, offset)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < size / 4


def test_a_directory_closes_in_pieces_of_bounded_size() -> None:
    directory = CentralDirectory()
    for entry, offset in numbered(COUNT):
        directory.add(entry, offset)
    assert max(map(len, directory.closing(0))) < 2 * BLOCK


def test_headers_of_a_batch_count_from_where_it_begins() -> None:
    each, together = CentralDirectory(), CentralDirectory()
    for entry, offset in numbered(100):
        each.add(entry, 5 * MAX_32 + offset)
    extend(together, *numbered(100), base=5 * MAX_32)
    assert list(together.closing(6 * MAX_32)) == list(each.closing(6 * MAX_32))


def test_the_end_records_mind_a_batch_whose_end_reads_like_a_record() -> None:
    entry = ZipEntry(b"RUN4/PK\x06\x07/...../", stat.S_IFDIR | 0o755, 1_700_000_000)
    each, together = CentralDirectory(), CentralDirectory()
    each.add(entry, 10)
    extend(together, (entry, 0), base=10)
    closing = b"".join(together.closing(100))
    assert closing == b"".join(each.closing(100))
    assert b"PK\x06\x06" in closing


@given(batch=batches, base=bases)
def test_relocated_headers_are_those_of_members_that_lie_further_behind(
    batch: list[tuple[ZipEntry, int]], base: int
) -> None:
    headers = [central_header(entry, offset) for entry, offset in batch]
    moved = b"".join(central_header(entry, base + offset) for entry, offset in batch)
    farthest = max((offset for _, offset in batch), default=0)
    assert relocated(b"".join(headers), marked_offsets(headers), base, farthest) == moved


@given(entry=small_entries, beyond=st.integers(-2, 2), offset=st.integers(0, 1000))
def test_a_header_is_relocated_across_the_edge_of_4_gib(
    entry: ZipEntry, beyond: int, offset: int
) -> None:
    base = MAX_32 + beyond - offset
    header = central_header(entry, offset)
    moved = relocated(header, marked_offsets([header]), base, offset)
    assert moved == central_header(entry, MAX_32 + beyond)


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
    directory.add(ENTRY._replace(name=name + b"/", mtime=seconds), 0)
    with ZipFile(BytesIO(b"".join(directory.closing(0)))) as opened:
        assert raw_name(opened.infolist()[0]) == name + b"/"
