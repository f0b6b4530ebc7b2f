import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import StorageRefused
from worker.storage.objects.checksums import encode_crc32
from worker.storage.upload.checksums import WholeObject
from worker.storage.upload.limits import PACKING_MEMORY, Sending
from worker.storage.upload.parts import (
    MAX_PART_SIZE,
    MAX_PARTS,
    MIB,
    MIN_PART_SIZE,
    Part,
    in_parts,
    part_size,
    peeked,
)

CHUNKS = st.lists(st.binary(max_size=20) | st.binary(max_size=20).map(bytearray))


def joined(part: Part) -> bytes:
    return b"".join(part.pieces)


@given(
    st.integers(0, MAX_PARTS * MAX_PART_SIZE),
    st.integers(MIN_PART_SIZE // MIB, MAX_PART_SIZE // MIB).map(lambda mib: mib * MIB),
)
def test_ten_thousand_equal_parts_always_suffice(size_bound: int, wanted: int) -> None:
    size = part_size(size_bound, wanted)
    assert size * MAX_PARTS >= size_bound
    assert wanted <= size <= MAX_PART_SIZE
    assert size % MIB == 0


def test_parts_are_no_larger_than_they_must_be() -> None:
    assert part_size(0, 8 * MIB) == part_size(MAX_PARTS * 8 * MIB, 8 * MIB) == 8 * MIB
    assert part_size(MAX_PARTS * 8 * MIB + 1, 8 * MIB) == 9 * MIB
    assert part_size(1 << 40, 8 * MIB) == 105 * MIB  # 1 TiB


def test_what_s3_can_not_take_is_refused() -> None:
    with pytest.raises(StorageRefused, match="larger than S3 takes"):
        part_size(MAX_PARTS * MAX_PART_SIZE + 1, 8 * MIB)


@given(chunks=CHUNKS, size=st.integers(1, 30))
def test_the_parts_are_the_stream_in_equal_pieces(chunks: list[bytes], size: int) -> None:
    parts = list(in_parts(chunks, size))
    assert b"".join(map(joined, parts)) == b"".join(chunks)
    assert all(part.size == size for part in parts[:-1])
    assert parts[-1].size <= size
    assert parts[-1].size or len(parts) == 1
    for part in parts:
        assert (part.size, part.crc) == (len(joined(part)), zlib.crc32(joined(part)))


@given(chunks=CHUNKS, size=st.integers(1, 30))
def test_it_is_known_at_once_whether_there_is_one_part(chunks: list[bytes], size: int) -> None:
    is_single, parts = peeked(in_parts(chunks, size))
    assert is_single is (sum(map(len, chunks)) <= size)
    assert list(map(joined, parts)) == list(map(joined, in_parts(chunks, size)))


def test_the_pieces_of_a_part_are_not_copied() -> None:
    chunks = [bytes(3 * MIB) for _ in range(8)]
    tracemalloc.start()
    assert [part.size for part in in_parts(chunks, 8 * MIB)] == [8 * MIB] * 3
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MIB // 10


def test_two_parts_are_held_at_most_when_none_is_kept() -> None:
    size = 8 * MIB
    tracemalloc.start()
    for part in peeked(in_parts((bytes(MIB) for _ in range(80)), size))[1]:
        assert part.size == size
        del part
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2.3 * size


@given(CHUNKS, st.integers(1, 30))
def test_checksums_of_the_parts_join_to_those_of_the_whole(chunks: list[bytes], size: int) -> None:
    whole = WholeObject()
    for part in in_parts(chunks, size):
        whole.add(part)
    content = b"".join(chunks)
    assert whole.crc32 == encode_crc32(zlib.crc32(content))
    assert whole.size == len(content)


def test_memory_bounds_what_is_sent_at_once() -> None:
    sending = Sending(connections=16, part_size=8 * MIB, memory=96 * MIB)
    assert sending.planned(0).connections == 9  # and one that is filled: 80 MiB
    assert Sending(connections=2).planned(0).connections == 2


@given(
    connections=st.integers(1, 64),
    memory=st.integers(32, 4096).map(lambda mib: mib * MIB),
    size_bound=st.integers(0, 1 << 44),
)
def test_parts_at_once_fit_into_memory_and_one_always_goes(
    connections: int, memory: int, size_bound: int
) -> None:
    planned = Sending(connections=connections, memory=memory).planned(size_bound)
    assert 1 <= planned.connections <= connections
    held = (planned.connections + 1) * planned.part_size + PACKING_MEMORY
    assert held <= memory or planned.connections == 1
