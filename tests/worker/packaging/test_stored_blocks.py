import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worker.packaging.trees import MIB, content
from worker.packaging.deflate import (
    END_OF_STREAM,
    FAST,
    SegmentDeflater,
    deflated_bound,
)
from worker.packaging.stored_blocks import BLOCK, HEADER, StoredBlocks

sizes = st.sampled_from([1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, MIB]) | st.integers(1, MIB)


def stored(data: bytes) -> bytearray:
    blocks = StoredBlocks(len(data))
    for room in blocks.rooms:
        room[:], data = data[: len(room)], data[len(room) :]
    return blocks.buffer


@given(size=sizes)
def test_zlib_reads_what_was_put_into_the_rooms(size: int) -> None:
    data = content("random", MIB)[:size]
    assert zlib.decompress(stored(data) + END_OF_STREAM, wbits=-15) == data


@given(size=sizes)
def test_the_rooms_hold_all_and_no_more(size: int) -> None:
    blocks = StoredBlocks(size)
    rooms = [len(room) for room in blocks.rooms]
    assert sum(rooms) == size
    assert max(rooms) <= BLOCK
    assert len(blocks.buffer) == size + HEADER * len(rooms) <= deflated_bound(size)


@given(kinds=st.lists(st.tuples(st.booleans(), sizes), max_size=6))
def test_stored_and_deflated_parts_follow_each_other_in_any_order(
    kinds: list[tuple[bool, int]],
) -> None:
    deflate = SegmentDeflater(MIB, FAST)
    stream, expected = bytearray(), bytearray()
    for is_stored, size in kinds:
        data = content("random" if is_stored else "table", MIB)[:size]
        stream += stored(data) if is_stored else deflate(memoryview(data), bytes(expected[-1:]))[0]
        expected += data
    assert zlib.decompress(stream + END_OF_STREAM, wbits=-15) == expected


@pytest.mark.parametrize("size", [1, BLOCK, MIB])
def test_a_buffer_is_no_stream_until_it_is_closed(size: int) -> None:
    inflating = zlib.decompressobj(wbits=-15)
    inflating.decompress(stored(bytes(size)))
    assert not inflating.eof
    inflating.decompress(END_OF_STREAM)
    assert inflating.eof


@given(size=st.integers(1, BLOCK), at=st.integers(0, 3 * BLOCK))
def test_a_part_of_the_content_may_lie_in_two_blocks(size: int, at: int) -> None:
    data = content("random", 4 * BLOCK)
    blocks = StoredBlocks(len(data))
    for number, room in enumerate(blocks.rooms):
        room[:] = data[number * BLOCK : (number + 1) * BLOCK]
    assert blocks.part(at, size) == data[at : at + size]
