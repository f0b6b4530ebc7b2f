import stat
import tracemalloc
from collections.abc import Iterator

from worker.packaging.spool import BLOCK
from worker.packaging.zip.central_directory import CentralDirectory, end_records, marked_offsets
from worker.packaging.zip.format import MAX_16, MAX_32
from worker.packaging.zip.headers import ZipEntry, central_header

COUNT = 70_000


def members(count: int) -> Iterator[tuple[ZipEntry, int]]:
    for number in range(count):
        name = b"RUN4/series/step_%06d/pressure.csv" % number
        yield (
            ZipEntry(name=name, mode=stat.S_IFREG | 0o644, mtime=1_700_000_000, crc=number * 7919),
            number * 1000,
        )


def extend(directory: CentralDirectory, *members: tuple[ZipEntry, int], base: int) -> None:
    """Add the members at once, with offsets that count from `base`."""
    headers = [central_header(*each) for each in members]
    marks = marked_offsets(headers)
    size = max(offset for _, offset in members)
    directory.extend(b"".join(headers), marks, len(headers), base, size)


def test_it_closes_with_every_header_in_order_and_the_end_records() -> None:
    directory = CentralDirectory()
    headers = b"".join(central_header(*each) for each in members(COUNT))
    for member, offset in members(COUNT):
        directory.add(member, offset)
    closing = b"".join(directory.closing(COUNT * 1000))
    assert closing == headers + end_records(count=COUNT, size=len(headers), offset=COUNT * 1000)
    assert COUNT > MAX_16
    assert len(headers) > 10 * BLOCK


def test_an_empty_one_closes_with_the_end_records_alone() -> None:
    closing = b"".join(CentralDirectory().closing(123))
    assert closing == end_records(count=0, size=0, offset=123)


def test_its_headers_are_compressed_while_they_wait() -> None:
    size = sum(len(central_header(*each)) for each in members(30_000))
    tracemalloc.start()
    try:
        directory = CentralDirectory()
        before, _ = tracemalloc.get_traced_memory()
        for member, offset in members(30_000):
            directory.add(member, offset)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < size / 4


def test_it_closes_in_pieces_of_bounded_size() -> None:
    directory = CentralDirectory()
    for member, offset in members(COUNT):
        directory.add(member, offset)
    assert max(map(len, directory.closing(0))) < 2 * BLOCK


def test_headers_of_a_batch_count_from_where_it_begins() -> None:
    each, together = CentralDirectory(), CentralDirectory()
    for member, offset in members(100):
        each.add(member, 5 * MAX_32 + offset)
    extend(together, *members(100), base=5 * MAX_32)
    assert list(together.closing(6 * MAX_32)) == list(each.closing(6 * MAX_32))


def test_it_minds_how_a_batch_ends_when_that_reads_like_a_record() -> None:
    member = ZipEntry(b"RUN4/PK\x06\x07/...../", stat.S_IFDIR | 0o755, 1_700_000_000)
    each, together = CentralDirectory(), CentralDirectory()
    each.add(member, 10)
    extend(together, (member, 0), base=10)
    closing = b"".join(together.closing(100))
    assert closing == b"".join(each.closing(100))
    assert b"PK\x06\x06" in closing
