import hashlib
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.storage.checksums import Checksums, encoded
from worker.storage.parts import (
    MAX_PART_SIZE,
    MAX_PARTS,
    MIB,
    PART_SIZE,
    Parts,
    in_parts,
    part_size,
)


@given(st.integers(0, MAX_PARTS * MAX_PART_SIZE))
def test_ten_thousand_equal_parts_always_suffice(size_bound: int) -> None:
    size = part_size(size_bound)
    assert size * MAX_PARTS >= size_bound
    assert PART_SIZE <= size <= MAX_PART_SIZE
    assert size % MIB == 0


def test_parts_are_no_larger_than_they_must_be() -> None:
    assert part_size(0) == part_size(MAX_PARTS * PART_SIZE) == PART_SIZE
    assert part_size(MAX_PARTS * PART_SIZE + 1) == PART_SIZE + MIB
    assert part_size(1 << 40) == 105 * MIB  # 1 TiB


def test_what_s3_can_not_take_is_refused() -> None:
    with pytest.raises(ValueError, match="larger than S3 takes"):
        part_size(MAX_PARTS * MAX_PART_SIZE + 1)


@given(chunks=st.lists(st.binary(max_size=20)), size=st.integers(1, 30))
def test_the_parts_are_the_stream_in_equal_pieces(chunks: list[bytes], size: int) -> None:
    parts = list(in_parts(chunks, size))
    assert b"".join(parts) == b"".join(chunks)
    assert all(len(part) == size for part in parts[:-1])
    assert len(parts[-1]) <= size
    assert parts[-1] or len(parts) == 1


@given(chunks=st.lists(st.binary(max_size=20)), size=st.integers(1, 30))
def test_it_is_known_at_once_whether_there_is_one_part(chunks: list[bytes], size: int) -> None:
    parts = Parts(chunks, size)
    assert parts.is_one is (sum(map(len, chunks)) <= size)
    assert list(parts) == list(in_parts(chunks, size))


def test_at_most_three_parts_are_held_in_memory() -> None:
    size = 8 * MIB
    tracemalloc.start()
    for part in Parts((bytes(MIB) for _ in range(80)), size):
        assert len(part) == size
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3.2 * size


@given(st.lists(st.binary(max_size=2000)))
def test_checksums_of_the_parts_join_to_those_of_the_whole(parts: list[bytes]) -> None:
    checksums = Checksums()
    assert [checksums.add(part) for part in parts] == [encoded(zlib.crc32(each)) for each in parts]
    whole = b"".join(parts)
    assert checksums.crc32 == encoded(zlib.crc32(whole))
    assert checksums.sha256 == hashlib.sha256(whole).hexdigest()
    assert checksums.size == len(whole)
